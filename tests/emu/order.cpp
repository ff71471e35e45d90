/* order.cpp - whether what a block reads of another block of the same launch was put in order, on
 * hardware too: part of the library that counts, at work with WEIR_EMU_ORDER=1.
 *
 * The emulator runs blocks one after another, so that a block always finds what earlier ones wrote;
 * on a GPU it does if the writer put a fence behind its writes and then counted itself up (an
 * atomic), and the reader counted later and put a fence behind that. A program that leaves one of
 * these out ends with a line that names kernel, block, thread and the two blocks (status 99).
 *
 * Every word of device memory has the moment and the thread that wrote it last. A moment is the
 * number of block beginnings, barriers and fences so far: it tells the launch, the block, and what
 * of the block was before. A fence covers what its thread wrote before it, and what the block's
 * other threads wrote before the last barrier. An atomic puts what the fences that its thread knows
 * of cover (its own; others' before the last barrier) on record at its address, with what the block
 * itself has got that way, and gets the records that are there; they count for the thread from its
 * next fence on, for the block from the barrier after that.
 *
 * Not seen: two blocks that write the same word, a write after another block's read, orders that
 * only __syncwarp makes (taken as none), and words that a block reads by way of __ldg.
 */
#include "emu_int.h"

#include <algorithm>
#include <memory>
#include <stdlib.h>
#include <sys/mman.h>
#include <unordered_map>

#define RANGE       ((size_t)1 << 38)
#define THREADS_MAX 1024

struct record {
    size_t block;
    uint32_t all;              /* written before this moment, by any thread: covered */
    std::vector<uint32_t> own; /* by thread, likewise */
};
typedef std::vector<std::shared_ptr<record>> records;

static bool on;
static unsigned char *base;
static uint64_t *words; /* moment << 32 | thread, of the last write */
static uint32_t now_is = 1, launch_begins, block_begins, phase_begins;
static std::vector<uint32_t> begins; /* of the launch's blocks, in the order in which they ran */
static std::unordered_map<const void *, records> at_address;

/* Of the block that runs. */
static uint32_t fenced[THREADS_MAX], fenced_phase[THREADS_MAX]; /* a thread's last fence; 0: none */
static uint32_t known_all, known_own[THREADS_MAX];              /* since the last barrier, by all */
static std::vector<uint32_t> touched;                           /* threads with fences */
static records got_pending[THREADS_MAX], got_thread[THREADS_MAX], got_block;
static std::vector<uint32_t> getters;
static std::unordered_map<size_t, records> by_block; /* got_block, by the block that it is of */

void emu_order_init(void)
{
    const char *z = getenv("WEIR_EMU_ORDER");
    on = z && *z && *z != '0';
    if (!on)
        return;
    void *p = mmap(nullptr, RANGE / 4 * 8, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        emu_die("no address space to watch the order of blocks in");
    words = static_cast<uint64_t *>(p);
    base = emu_device_base();
}

void emu_order_launch(void)
{
    launch_begins = ++now_is;
    begins.clear();
    at_address.clear();
}

void emu_order_block(void)
{
    if (!on)
        return;
    block_begins = phase_begins = ++now_is;
    begins.push_back(now_is);
    for (uint32_t t : touched)
        fenced[t] = fenced_phase[t] = known_own[t] = 0;
    for (uint32_t t : getters) {
        got_pending[t].clear();
        got_thread[t].clear();
    }
    touched.clear();
    getters.clear();
    got_block.clear();
    by_block.clear();
    known_all = 0;
}

void emu_order_barrier(void)
{
    if (!on)
        return;
    phase_begins = ++now_is;
    for (uint32_t t : touched) {
        known_own[t] = fenced[t];
        known_all = std::max(known_all, fenced_phase[t]);
    }
    for (uint32_t t : getters) {
        for (const auto &r : got_thread[t]) {
            got_block.push_back(r);
            by_block[r->block].push_back(r);
        }
        got_thread[t].clear();
    }
}

void emu_order_fence(void)
{
    if (!on)
        return;
    uint32_t t = emu_thread_index();
    if (!fenced[t])
        touched.push_back(t);
    fenced[t] = ++now_is;
    fenced_phase[t] = phase_begins;
    got_thread[t].insert(got_thread[t].end(), got_pending[t].begin(), got_pending[t].end());
    got_pending[t].clear();
}

void emu_order_atomic(const void *p)
{
    size_t at = (size_t)(static_cast<const unsigned char *>(p) - base);
    if (!on || at >= RANGE || !weir_emu_now)
        return;
    uint32_t t = emu_thread_index();
    records &here = at_address[p];
    if (got_pending[t].empty() && got_thread[t].empty())
        getters.push_back(t);
    got_pending[t].insert(got_pending[t].end(), here.begin(), here.end());
    auto r = std::make_shared<record>();
    r->block = begins.size() - 1;
    r->all = std::max(known_all, fenced_phase[t]);
    r->own.assign(known_own, known_own + THREADS_MAX);
    r->own[t] = fenced[t];
    here.push_back(r);
    here.insert(here.end(), got_block.begin(), got_block.end());
    here.insert(here.end(), got_thread[t].begin(), got_thread[t].end());
}

static bool covers(const records &all, size_t block, uint32_t moment, uint32_t thread)
{
    for (const auto &r : all)
        if (r->block == block && (moment < r->all || moment < r->own[thread]))
            return true;
    return false;
}

void emu_order_read(const void *p, size_t n)
{
    size_t at = (size_t)(static_cast<const unsigned char *>(p) - base);
    if (!on || at >= RANGE || !weir_emu_now)
        return;
    for (size_t w = at / 4; w <= (at + n - 1) / 4; w++) {
        uint32_t moment = (uint32_t)(words[w] >> 32), thread = (uint32_t)words[w];
        if (moment < launch_begins || moment >= block_begins)
            continue;
        size_t block =
            (size_t)(std::upper_bound(begins.begin(), begins.end(), moment) - begins.begin()) - 1;
        auto it = by_block.find(block);
        if (it != by_block.end() && covers(it->second, block, moment, thread))
            continue;
        if (covers(got_thread[emu_thread_index()], block, moment, thread))
            continue;
        emu_die("reads what thread %u of another block of the same launch wrote (the %zu. that "
                "ran), with no fence and counter between them,",
                thread, block + 1);
    }
}

void emu_order_write(const void *p, size_t n)
{
    size_t at = (size_t)(static_cast<const unsigned char *>(p) - base);
    if (!on || at >= RANGE || !weir_emu_now)
        return;
    uint64_t x = (uint64_t)now_is << 32 | emu_thread_index();
    for (size_t w = at / 4; w <= (at + n - 1) / 4; w++)
        words[w] = x;
}
