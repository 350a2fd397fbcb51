# Short names for the commands people repeat; the work is in tools/.

.PHONY: demo test fuzz lint format stubs bench asan emulate sanitize-cuda gpu-check

demo:           # build, train on handwritten digits, print the micro-benchmarks
	tools/demo

test:           # build and run every test
	tools/test

fuzz:           # load 10,000 damaged files; `make fuzz SEED=7` repeats those of a seed
	tools/environment test
	.venv/bin/python tests/fuzz_files.py --mutations 10000 --seed $(or $(SEED),$(shell date +%s))

lint:           # style and types
	tools/lint

format:         # rewrite to the style
	tools/lint --fix

stubs:          # write the type stubs anew, after a change to public names or signatures
	tools/environment lint
	.venv/bin/python tools/stubs.py

bench:          # every micro-benchmark, with a picture
	tools/environment bench
	.venv/bin/python bench/run.py --json out/bench.json --picture out/ratios.png

asan:           # the array, index and kernel tests under AddressSanitizer and UBSan
	tools/asan

emulate:        # the tests of CUDA devices on the emulated one, and the emulator's own
	tools/test_emulation
	tools/emulate

sanitize-cuda:  # CUDA kernels under AddressSanitizer and UBSan, then, at small sizes, under ThreadSanitizer: up to half an hour
	tools/emulate --address
	tools/emulate --thread

gpu-check:      # on a machine with a GPU: build, test under compute-sanitizer, measure; writes out/gpu.md
	TENSORX_CUDA=OFF tools/environment test
	.venv/bin/python tools/gpu_check.py
