# Weir's build. `make help` lists the targets; V=1 shows the commands.
#
# One static library a folder, linked upward only (base < conf < audit, policy, engine < gateway);
# one test program a file of tests/unit, linked with the library its name begins with and those
# below it, so that a floor is tested without the floors above. BUILD=dir keeps builds apart;
# SAN=1 is ASan and UBSan, TSAN=1 is TSan.

.DELETE_ON_ERROR:
.SUFFIXES:

ifdef SAN
BUILD ?= build/asan
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT ?= -O1
else ifdef TSAN
BUILD ?= build/tsan
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer
OPT ?= -O1
endif
BUILD ?= build
OPT ?= -O2
Q := $(if $(V),,@)
ifeq ($(origin CC),default)
CC := gcc
endif
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0
JOBS ?= $(shell nproc)

WARN := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef \
        -Wpointer-arith -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
ifndef SANFLAGS
HARDEN += -D_FORTIFY_SOURCE=3
endif
ifneq ($(shell uname -m),x86_64)
HARDEN := $(filter-out -fcf-protection,$(HARDEN))
endif
PKGS := libevent_core libevent_extra libevent_pthreads openssl jansson yaml-0.1 libhs libutf8proc sqlite3 libseccomp zlib
# Loaded with dlopen by the sinks and the master key that need them: only their headers are used here.
DL_PKGS := libpq rdkafka libcurl p11-kit-1
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) $(DL_PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS))

ALL_CFLAGS = -std=gnu11 $(OPT) -g $(WARN) $(HARDEN) $(SANFLAGS) -D_GNU_SOURCE -I. $(PKG_CFLAGS) \
             -DWEIR_VERSION='"$(VERSION)"' -MMD -MP $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SANFLAGS) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lm -lpthread

FOLDERS := base conf audit policy engine gateway
comma := ,
SRC_base := $(wildcard base/*.c)
SRC_conf := $(wildcard conf/*.c)
SRC_audit := $(wildcard audit/*/*.c)
SRC_policy := $(wildcard policy/*.c policy/*/*.c)
SRC_engine := $(wildcard engine/*.c engine/*/*.c)
SRC_gateway := $(filter-out gateway/main.c,$(wildcard gateway/*.c gateway/*/*.c))

lib = $(BUILD)/lib$(1).a
$(foreach f,$(FOLDERS),$(eval $(call lib,$(f)): $(patsubst %.c,$(BUILD)/obj/%.o,$(SRC_$(f)))))

# What a program of each folder links, top floor first.
LIBS_base := $(call lib,base)
LIBS_conf := $(call lib,conf) $(LIBS_base)
LIBS_audit := $(call lib,audit) $(LIBS_conf)
LIBS_policy := $(call lib,policy) $(LIBS_conf)
LIBS_engine := $(call lib,engine) $(LIBS_conf)
LIBS_gateway := $(call lib,gateway) $(call lib,engine) $(call lib,policy) $(call lib,audit) \
                $(LIBS_conf)

.PHONY: all
all: $(BUILD)/weir

$(BUILD)/weir: $(BUILD)/obj/gateway/main.o $(LIBS_gateway)
	$(if $(V),,@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
	@echo "built $@ ($(CUDA_SAYS))"

$(BUILD)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c | $(BUILD)/.have-libraries
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC   $<')
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# ---- CUDA ----
# One fat binary for each .cu: compiled once to PTX of the oldest architecture, and from that to machine
# code of each; linked into the program as bytes. They take minutes to compile, so CUDA=auto makes them
# only where they can be used (nvcc and a driver are there); CUDA=yes anywhere with nvcc, CUDA=no
# nowhere. A program without them says so when it is asked for a device.

CU := $(wildcard engine/cuda/*.cu)
CUH := $(wildcard engine/cuda/*.cuh engine/cuda/*.h)
CUDA_ARCHS := 80 86 89 90 100 120
CUDA ?= auto
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA_DRIVER := $(wildcard /proc/driver/nvidia/version /usr/lib/wsl/lib/libcuda.so.1)
ifeq ($(CUDA),no)
CUDA_WHY := it was made with CUDA=no
else ifdef SANFLAGS
CUDA_WHY := it is a sanitizer build
else ifeq ($(NVCC),)
CUDA_WHY := nvcc was not found
else ifneq ($(CUDA),yes)
CUDA_WHY := $(if $(CUDA_DRIVER),,it was made where there is no NVIDIA driver (make CUDA=yes makes them anywhere))
endif
CUDA_SAYS = $(if $(CUDA_WHY),CPU engine only: $(CUDA_WHY),with kernels for CUDA)
NVCC_FLAGS := -std=c++17 -O3 -I. -Xptxas -v,-warn-spills,-warn-lmem-usage -Werror all-warnings \
              $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_80,code=sm_$(a)) \
              -gencode arch=compute_80,code=compute_80
FATBINS := $(CU:engine/cuda/%.cu=$(BUILD)/cuda/%.fatbin)
EMBEDDED := $(if $(CUDA_WHY),,$(FATBINS))

# What ptxas says of registers and memory stays beside it for tools/cuda_report.py.
$(BUILD)/cuda/%.fatbin: engine/cuda/%.cu
	@mkdir -p $(@D)
	$(if $(V),,@echo '  NVCC $<')
	$(Q)$(NVCC) $(NVCC_FLAGS) -MMD -MF $(@:.fatbin=.d) -MT $@ -fatbin -o $@ $< > $(@:.fatbin=.ptxas) 2>&1 \
	  || { grep -v '^ptxas info' $(@:.fatbin=.ptxas) >&2; rm -f $@; exit 1; }
.PHONY: cuda
cuda: $(if $(NVCC),$(FATBINS))
	@echo "$(if $(NVCC),$(words $(FATBINS)) CUDA images,no CUDA images: nvcc was not found)"

$(BUILD)/obj/engine/cuda/images.o: $(BUILD)/cuda/images.c $(EMBEDDED)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/cuda/images.c: tools/cuda_images.py Makefile $(CU) $(BUILD)/cuda/.$(if $(CUDA_WHY),none,some)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/cuda_images.py --out $@ --nvcc '$(NVCC)' --why '$(CUDA_WHY)' $(EMBEDDED)
$(BUILD)/cuda/.none $(BUILD)/cuda/.some:
	@mkdir -p $(@D)
	@rm -f $(BUILD)/cuda/.none $(BUILD)/cuda/.some
	@touch $@
$(call lib,engine): $(BUILD)/obj/engine/cuda/images.o

# The emulator: the same .cu files as C++, and a libcuda of our own (docs/cuda.md).
CXX_FLAGS := -std=gnu++17 -g -fPIC -fvisibility=hidden -fno-strict-aliasing -ffp-contract=off -Wall -Wextra \
             -Werror -I. -MMD -MP
EMU_CHECKS := $(if $(SAN),$(SANFLAGS) -fno-sanitize=shift-base,$(SANFLAGS) \
  -fsanitize=alignment$(comma)bounds$(comma)shift-exponent$(comma)integer-divide-by-zero \
  -fno-sanitize-recover=all)
EMU_SRC := $(filter-out tests/emu/count.cpp tests/emu/order.cpp $(if $(SAN),tests/emu/ubsan.cpp),$(wildcard tests/emu/*.cpp))
EMU_OBJ := $(patsubst %.cu,$(BUILD)/emu/%.o,$(CU) tests/emu/bad.cu) $(EMU_SRC:%.cpp=$(BUILD)/emu/%.o)
EMU := $(BUILD)/tests/libweir-emu.so
$(BUILD)/emu/%.o: %.cu
	@mkdir -p $(@D)
	$(if $(V),,@echo '  EMU  $<')
	$(Q)$(CXX) -x c++ -O2 $(CXX_FLAGS) $(EMU_CHECKS) -c -o $@ $<
$(BUILD)/emu/%.o: %.cpp
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CXX  $<')
	$(Q)$(CXX) -O2 $(CXX_FLAGS) $(if $(SAN),-DEMU_ASAN) $(if $(TSAN),-DEMU_TSAN) -c -o $@ $<
$(EMU): $(EMU_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD   $@')
	$(Q)$(CXX) -shared -Wl,-z,defs $(if $(SANFLAGS),-Wl$(comma)-z$(comma)undefs $(SANFLAGS)) -o $@ $^ -lpthread -ldl
# The emulator with one kernel file's planted bug (tests/fault/test_cuda_planted.py): N.so PLANT=file
$(BUILD)/planted/%.so: $(EMU_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CXX) -x c++ -O2 $(CXX_FLAGS) $(EMU_CHECKS) -DWEIR_BUG_$* -c -o $(@:.so=.o) $(PLANT)
	$(Q)$(CXX) -shared -Wl,-z,defs $(if $(SANFLAGS),-Wl$(comma)-z$(comma)undefs $(SANFLAGS)) -o $@ \
	  $(filter-out $(PLANT:%.cu=$(BUILD)/emu/%.o),$(EMU_OBJ)) $(@:.so=.o) -lpthread -ldl
# A test program with a bug planted in one file of the engine's host code: N-TEST PLANT=file
$(BUILD)/planted/%.host: $(LIBS_engine)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DWEIR_BUG_$* -c -o $(@:.host=.o) $(PLANT)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(PLANT_TEST) $(@:.host=.o) $(LIBS_engine) $(LIBS) -lcmocka
# The same with a call at every access to memory, which counts it (tests/emu/count.cpp).
EMU_COUNT := $(BUILD)/tests/libweir-emu-count.so
$(BUILD)/count/%.o: %.cu
	@mkdir -p $(@D)
	$(Q)$(CXX) -x c++ -O2 $(CXX_FLAGS) -DEMU_COUNT -fsanitize=thread -c -o $@ $<
$(BUILD)/count/%.o: %.cpp
	@mkdir -p $(@D)
	$(Q)$(CXX) -O2 $(CXX_FLAGS) -DEMU_COUNT -c -o $@ $<
$(EMU_COUNT): $(CU:%.cu=$(BUILD)/count/%.o) \
              $(patsubst %.cpp,$(BUILD)/count/%.o,$(EMU_SRC) tests/emu/count.cpp tests/emu/order.cpp)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD   $@')
	$(Q)$(CXX) -shared -Wl,-z,defs -o $@ $^ -lpthread -ldl
# The same with a planted bug.
$(BUILD)/planted/%.order.so: $(EMU_COUNT)
	@mkdir -p $(@D)
	$(Q)$(CXX) -x c++ -O2 $(CXX_FLAGS) -fsanitize=thread -DWEIR_BUG_$* -c -o $(@:.so=.o) $(PLANT)
	$(Q)$(CXX) -shared -Wl,-z,defs -o $@ $(filter-out $(PLANT:%.cu=$(BUILD)/count/%.o),\
	  $(CU:%.cu=$(BUILD)/count/%.o) $(patsubst %.cpp,$(BUILD)/count/%.o,$(EMU_SRC) tests/emu/count.cpp tests/emu/order.cpp)) \
	  $(@:.so=.o) -lpthread -ldl
.PHONY: emulator cuda-abi
emulator: $(EMU)
# Types and constants of ours against those of NVIDIA's header.
cuda-abi:
	$(CC) -std=gnu11 -fsyntax-only -I. -I$(dir $(NVCC))../include tests/emu/abi.c

# The tagger's model is part of the program (policy/detect/tagger_model.c).
$(BUILD)/obj/policy/detect/tagger_model.o: $(wildcard policy/detect/tagger_*.bin)
$(BUILD)/obj/policy/detect/signals.o: policy/detect/inject_rows.bin
$(BUILD)/obj/policy/detect/statement.o: $(wildcard policy/detect/statement_*.bin)

# Kernels unrolled for every weight type: following each variable through them costs the compiler more
# than compiling them, so they have line numbers only.
$(BUILD)/obj/engine/cpu/kern_%.o: CFLAGS += -g1

# One clear sentence where the compiler would say "file not found".
$(BUILD)/.have-libraries:
	@mkdir -p $(@D)
	@pkg-config --exists $(PKGS) $(DL_PKGS) || { echo "Weir needs libraries that are not installed:" >&2; \
	  pkg-config --print-errors --exists $(PKGS) $(DL_PKGS) >&2; \
	  echo "run: tools/install_deps.sh   (make demo and make test do it themselves)" >&2; exit 1; }
	@touch $@

# ---- tests ----

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
folder_of = $(firstword $(subst _, ,$(notdir $(1))))

define unit_rule
$(1): $(BUILD)/obj/tests/unit/$(notdir $(1)).o $(LIBS_$(call folder_of,$(1)))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo '  LD   $$@')
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS) -lcmocka
endef
$(foreach u,$(UNIT),$(eval $(call unit_rule,$(u))))

# Those of the CUDA path open the emulated device.
$(filter $(BUILD)/unit/engine_cuda%,$(UNIT)): | $(EMU)

# Helpers that tests and benchmarks start as programs of their own: tests/{fault,bench}/FOLDER_x.c
TOOLS_C := $(wildcard tests/fault/*.c tests/bench/*.c)
TOOLS_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TOOLS_C))
define tool_rule
$(1): $(BUILD)/obj/$(patsubst $(BUILD)/%,%,$(1)).o $(or $(LIBS_$(call folder_of,$(1))),$(LIBS_gateway))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo '  LD   $$@')
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach t,$(TOOLS_BIN),$(eval $(call tool_rule,$(t))))

# Learns policy/detect/statement_rows.bin; tools/train_statements.py starts it.
$(BUILD)/statement_fit: $(BUILD)/obj/tools/statement_fit.o $(LIBS_policy)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Learns that model; tools/train_tagger.py starts it.
$(BUILD)/tagger_fit: $(BUILD)/obj/tools/tagger_fit.o $(LIBS_policy)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# A Kafka cluster to test against, out of librdkafka's mock.
$(BUILD)/tests/fault/audit_kafka_mock: LIBS += -lrdkafka

.PHONY: unit unit-% test-programs
unit: $(UNIT)
	$(PYTHON) tests/run_tests.py --build $(BUILD) --only unit
unit-%: 
	$(MAKE) $(filter $(BUILD)/unit/$*_%,$(UNIT))
	$(PYTHON) tests/run_tests.py --build $(BUILD) --only unit --match '$*_'
test-programs: $(UNIT) $(TOOLS_BIN) $(BUILD)/weir $(EMU) $(EMU_COUNT)

.PHONY: test
test: deps-test run/models/smollm2-135m-moe.gguf
	$(MAKE) -j$(JOBS) test-programs
	$(MAKE) build/venv/.ready
	$(PYTHON) tests/run_tests.py --build $(BUILD)

.PHONY: demo
demo: deps
	$(MAKE) -j$(JOBS) all
	$(MAKE) build/venv/.demo run/models/smollm2-135m-moe.gguf
	build/venv/bin/python tools/demo.py --weir $(BUILD)/weir

.PHONY: run
run: deps
	$(MAKE) -j$(JOBS) all run/models/smollm2-135m-moe.gguf
	$(BUILD)/weir serve -c conf/weir.yaml

run/models/smollm2-135m-instruct.gguf:
	$(PYTHON) tools/get_demo_model.py
run/models/smollm2-135m-moe.gguf: run/models/smollm2-135m-instruct.gguf tools/dense_to_moe.py
	$(PYTHON) tools/dense_to_moe.py run/models/smollm2-135m-instruct.gguf $@

# The demo needs a client; the tests need that and servers to talk to.
PIP_INSTALL = build/venv/bin/pip install --quiet --disable-pip-version-check -r
build/venv/.demo: tools/requirements.txt
	$(PYTHON) -m venv --clear build/venv
	$(PIP_INSTALL) tools/requirements.txt
	touch $@
build/venv/.ready: tests/requirements.txt build/venv/.demo
	$(PIP_INSTALL) tests/requirements.txt
	touch $@

.PHONY: deps deps-test
deps:
	@tools/install_deps.sh
deps-test:
	@tools/install_deps.sh test

.PHONY: check
check: deps-test
	$(PYTHON) tools/check.py
	$(if $(NVCC),$(MAKE) check-cuda)
# Where nvcc is: all kernels compile for all architectures without warnings, spills or stack, and within
# their caps; our declarations of the driver are NVIDIA's. Takes minutes when the images are not there.
.PHONY: check-cuda
check-cuda: cuda cuda-abi
	$(PYTHON) tools/cuda_report.py --build $(BUILD) --check

.PHONY: bench-cuda
# On the machine's GPU, or CUDA_DEVICE=emulated (tests/bench/cuda.py).
CUDA_DEVICE ?= cuda
bench-cuda: all $(filter $(BUILD)/unit/engine_cuda%,$(UNIT)) $(if $(filter emulated,$(CUDA_DEVICE)),$(EMU))
	@$(PYTHON) tests/bench/cuda.py --build $(BUILD) --device $(CUDA_DEVICE)

.PHONY: bench
bench:
	@tools/install_deps.sh bench
	$(MAKE) test-programs build/venv/.ready
	$(PYTHON) tests/bench/run.py --build $(BUILD)

# The sweep over every file call of the log is thinned: whole, it takes minutes under sanitizers.
.PHONY: asan tsan
asan: deps-test
	WEIR_FAULT_STRIDE=8 $(MAKE) SAN=1 unit
# The programs that have threads.
TSAN_UNITS := base_% audit_% engine_model engine_ops engine_process engine_core engine_pages \
              engine_scheduler engine_cuda_% gateway_server gateway_metrics gateway_engine_link
tsan: deps-test
	$(MAKE) TSAN=1 $(patsubst $(BUILD)/%,build/tsan/%,$(filter $(TSAN_UNITS:%=$(BUILD)/unit/%),$(UNIT)))
	WEIR_CORE_THREADS=3 WEIR_CORE_FAMILIES=gpt-oss,qwen3next,deepseek32 \
	  $(PYTHON) tests/run_tests.py --build build/tsan --only unit

# libFuzzer targets: tests/fuzz/FOLDER_x.c or x_fuzz.c, linked with everything; FUZZ_S seconds each.
FUZZ_S ?= 60
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_SRC = $(foreach f,$(FOLDERS),$(SRC_$(f)))
build/fuzz/%: tests/fuzz/%.c build/fuzz/libweir.a
	clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. $(PKG_CFLAGS) \
	  -o $@ $^ $(LIBS)
build/fuzz/libweir.a: $(FUZZ_SRC)
	@mkdir -p build/fuzz
	$(MAKE) CC=clang BUILD=build/fuzz OPT=-O1 SANFLAGS=-fsanitize=fuzzer-no-link,address,undefined \
	  WARN= $(foreach f,$(FOLDERS),build/fuzz/lib$(f).a)
	@rm -f $@
	@printf 'create $@\n$(foreach f,$(FOLDERS),addlib build/fuzz/lib$(f).a\n)save\nend\n' | $(AR) -M
# Written out, these take clang minutes with sanitizers; make asan has them (engine_ops: exact buffers).
$(patsubst %,build/fuzz/obj/engine/cpu/kern_%.o,avx2 avx512 vnni): override SANFLAGS :=
.PHONY: fuzz
fuzz:
	@tools/install_deps.sh fuzz
	$(MAKE) $(FUZZ)
	$(PYTHON) tests/fuzz/run.py --seconds $(FUZZ_S) $(FUZZ)

PREFIX ?= /usr/local
.PHONY: install deb
install: all
	install -D -m 0755 $(BUILD)/weir $(DESTDIR)$(PREFIX)/bin/weir
	install -D -m 0644 conf/weir.yaml $(DESTDIR)$(PREFIX)/share/weir/weir.yaml
	install -D -m 0644 conf/policy.yaml $(DESTDIR)$(PREFIX)/share/weir/policy.yaml
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/weir conf/adequacy.yaml conf/duties.yaml
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/weir/examples conf/examples/*.yaml
deb: all
	@sh tools/install_deps.sh deb
	@MAKE='$(MAKE)' sh packaging/deb.sh $(BUILD) $(VERSION)

.PHONY: clean help
clean:
	rm -rf build
help:
	@echo "make            build build/weir"
	@echo "make demo       install what is missing, build, get the demo model, show the whole path"
	@echo "make test       unit, end-to-end and fault tests; last line: N passed, N failed"
	@echo "make run        serve with conf/weir.yaml"
	@echo "make check      style and structure rules"
	@echo "make check-cuda the kernels' registers and memory against their caps (nvcc; part of make check)"
	@echo "make cuda       the CUDA images alone (nvcc, minutes); CUDA=yes|no: a program with or without them"
	@echo "make emulator   the emulated CUDA device for tests and --device emulated (docs/cuda.md)"
	@echo "make bench      benchmarks (docs/benchmarks.md)"
	@echo "make bench-cuda kernels, logits and speed on this machine's GPU, one report; CUDA_DEVICE=emulated"
	@echo "make fuzz       libFuzzer targets, FUZZ_S seconds each"
	@echo "make asan tsan  unit tests under the sanitizers"
	@echo "make install    to PREFIX (/usr/local)"
	@echo "make deb        the Debian package, build/weir_VERSION_ARCH.deb (docs/operate.md)"

-include $(shell find $(wildcard $(BUILD)/obj $(BUILD)/emu $(BUILD)/count $(BUILD)/cuda) -name '*.d' 2> /dev/null)
