/* threads.h - a fixed pool of threads that shares out the tasks of one job at a time.
 *
 * The caller works too. Tasks are claimed one by one, so a thread that the system has taken off its
 * CPU delays at most the one task it holds; waiting is a short spin, then sleep: with more threads
 * than free CPUs the pool gets slower, but it never burns the CPU that the others need.
 */
#ifndef ENG_THREADS_H
#define ENG_THREADS_H

#include "base/err.h"
#include <stdint.h>

#define ENG_THREADS_MAX 256
#define ENG_TASKS_MAX   ((1u << 20) - 1)

struct eng_pool;

/* fn(ctx, task, thread): task in 0..n-1, thread in 0..n_threads-1 (0 is the caller). */
typedef void (*eng_task_fn)(void *ctx, uint32_t task, uint32_t thread);

/* n_threads counts the caller; 0 = the CPUs that this process may run on. Owned by the caller. */
enum base_status eng_pool_new(int n_threads, struct eng_pool **out,
                              struct base_err *err) BASE_MUST_CHECK;
/* Joins the threads. NULL is fine. */
void eng_pool_free(struct eng_pool *p);
uint32_t eng_pool_threads(const struct eng_pool *p);
/* Runs fn for every task and returns when all are done. n <= ENG_TASKS_MAX. One caller at a time.
 * What a task wrote is visible to the caller afterwards, and what the caller wrote before to every
 * task. */
void eng_pool_run(struct eng_pool *p, uint32_t n, eng_task_fn fn, void *ctx);

#endif
