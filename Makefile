# Short names for the commands people repeat; the work is in tools/.

.PHONY: demo test lint format stubs bench asan

demo:           # build, train on handwritten digits, print the micro-benchmarks
	tools/demo

test:           # build and run every test
	tools/test

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
