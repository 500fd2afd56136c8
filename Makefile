# clipdragd
#
#   make demo          install packages, build, run the daemon on an example pair, print the result's path
#   make test          install packages, run every test
#   make check         build and run the unit tests: no end-to-end tests
#   make generate      rewrite what tables and web/ decide in schemas/, docs/, Sources/Daemon/WebPages and share/clipdragd/editor.html
#   make build         build the release binary, .build/release/clipdragd
#   make torture       every fault at every step, 2,000 power cuts, 10,000 random writers, 20,000 pairs at once, 20,000 histories of a model
#                      disk; prints counts. Needs root and hours. Faster on tmpfs: TORTURE="--folder DIR"
#   make fuzz          a million inputs under sanitizers to each reader of foreign files; RUNS=N for fewer
#   make corpora       read folders of PNG, JPEG, YAML, JSON and safetensors files beside Pillow and others: CORPORA="FOLDER …" (makes a
#                      Python environment)
#   make results       measure the edits of docs/measurements/results.md (makes a Python environment with Pillow and NumPy)
#   make edit-bench    edits of examples/bench against their known targets, docs/measurements/edit-bench.md (makes its own environment)
#   make test-pages    open a report and galleries in Chromium (installs it); screenshots in .results/pages
#   make page-pictures make the pictures of preview, report and gallery in docs/pictures (Chromium)
#   make test-editor   test the editor page in Chromium (installs it, and a Python environment); screenshots in .results/editor.
#                      BROWSER=firefox: a short test in Firefox
#   make editor-pictures  make the pictures of docs/editor.md anew
#   make photographs   edits of photographs: what lies outside the region and what keeps its detail, docs/measurements/photographs.md
#   make comparison    all methods and ablations into docs/comparison.md; about 100 minutes of one core, and it goes on where it stopped.
#                      COMPARISON="--whole" takes all cases and three seeds; "--minutes N" ends it after a time
#   make test-oracle   exchange LoRA files with the PyTorch reference, both ways (makes a Python environment)
#   make parity-full   two drag steps at 512x512 in Stable Diffusion 1.5's shapes against the PyTorch reference (12 GB, ten minutes or more)
#   make test-aarch64  test the C kernels on this CPU's vector paths, and for aarch64 in qemu-user (Debian)
#   make deb           build the Debian package dist/clipdragd_*.deb with the Swift runtime and the starter model
#   make test-systemd  test the package under a real systemd in a container (needs root; debootstrap, systemd-nspawn)
#   make check-unit    rate the units with systemd-analyze security
#   make format        format the Swift sources
#   make lint          check the format and the line lengths of all sources
#   make clean
#
# These measure and rewrite their section of docs/measurements/performance.md:
#   make bench         times against PyTorch on this machine (makes a Python environment)
#   make curves        growth of time and memory with size, drags, threads and iterations; at most ten minutes
#   make guidance      the small guidance decoder against the exact one (makes a Python environment)
#   make memory        peak memory of a whole edit at 512x512 (makes a Python environment)
#   make method-costs  time and memory of a default edit by each method at that size, for docs/methods/README.md; about 15 minutes
#   make cost-table    time and memory of edits with Stable Diffusion 1.5 at 512x512, for README.md
#   make precision     differences between bf16 and f32 on the examples (makes a Python environment)
#   make forecasts     forecasts of seconds and memory against what edits took

SHELL := /bin/bash
.PHONY: demo edit-bench photographs test-editor editor-pictures browser test-pages page-pictures test check generate build packages torture fuzz corpora results test-aarch64 bench memory curves forecasts guidance precision test-oracle deb test-systemd check-unit format lint clean parity-full cost-table method-costs comparison

# OpenBLAS picks kernels by CPU; tests must not depend on the CPU.
TEST_ENV := OPENBLAS_CORETYPE=Haswell
SOURCES := Sources Tests Package.swift

packages:
	@scripts/install-packages.sh

build: packages
	swift build -c release

demo: packages
	@scripts/demo.sh

test: packages
	$(TEST_ENV) swift build --build-tests --explicit-target-dependency-import-check error
	$(TEST_ENV) swift test --skip-build
	@$(MAKE) --no-print-directory test-editor test-pages PROGRAM=.build/debug/clipdragd

# A target imports only what Package.swift declares for it.
check: packages
	$(TEST_ENV) swift build --build-tests --explicit-target-dependency-import-check error
	$(TEST_ENV) swift test --skip-build --skip '^EndToEndTests'

generate: packages
	swift run generate

torture: build
	python3 Tests/Torture/torture.py $(TORTURE)
	$(TEST_ENV) swift build --build-tests
	CLIPDRAGD_MODEL_SEEDS=20000 $(TEST_ENV) swift test --skip-build --filter ModelDiskTests

fuzz: packages
	@scripts/fuzz.sh

corpora: build
	@test -n "$(CORPORA)" || { echo 'make corpora CORPORA="FOLDER …"'; exit 64; }
	@scripts/venv.sh .corpora-venv pillow numpy pyyaml safetensors
	.corpora-venv/bin/python scripts/corpora.py --binary .build/release/clipdragd $(CORPORA)

results: build
	@scripts/venv.sh .results-venv pillow numpy
	.results-venv/bin/python scripts/results.py all --out .results
	.results-venv/bin/python scripts/results_report.py --out .results --docs docs/measurements

test-pages: browser $(if $(filter .build/release/%,$(PROGRAM)),build)
	.browser-venv/bin/python Tests/Pages/test_pages.py --binary $(PROGRAM) --screenshots .results/pages

page-pictures: browser build
	.browser-venv/bin/python scripts/page_pictures.py --binary .build/release/clipdragd --out docs/pictures

edit-bench: build
	@scripts/venv.sh .edit-bench-venv pillow numpy scikit-image
	.edit-bench-venv/bin/python scripts/edit_bench.py --out .results/edit-bench --docs docs/measurements/edit-bench.md

photographs: build
	@scripts/venv.sh .edit-bench-venv pillow numpy scikit-image
	.edit-bench-venv/bin/python scripts/photographs.py --out .results/photographs --docs docs/measurements/photographs.md

comparison: build
	@scripts/venv.sh .edit-bench-venv pillow numpy scikit-image
	.edit-bench-venv/bin/python scripts/comparison.py --out .results/comparison --docs docs/comparison.md $(COMPARISON)

ORACLE_PACKAGES := torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 safetensors==0.8.0 pillow==13.0.0 numpy==2.4.6 accelerate peft==0.21.2 scipy

bench: build
	@scripts/venv.sh .oracle-venv $(ORACLE_PACKAGES)
	.oracle-venv/bin/python scripts/bench.py --binary .build/release/clipdragd --docs docs/measurements/performance.md

memory: build
	@scripts/venv.sh .oracle-venv $(ORACLE_PACKAGES)
	.oracle-venv/bin/python scripts/memory.py

parity-full: build
	@scripts/venv.sh .oracle-venv $(ORACLE_PACKAGES)
	OPENBLAS_CORETYPE=Haswell .oracle-venv/bin/python scripts/parity_full.py --docs docs/measurements/parity-full.md

cost-table: build
	@scripts/venv.sh .oracle-venv $(ORACLE_PACKAGES)
	.oracle-venv/bin/python scripts/cost_table.py --docs README.md

method-costs: build
	@scripts/venv.sh .oracle-venv $(ORACLE_PACKAGES)
	.oracle-venv/bin/python scripts/method_costs.py --docs docs/methods/README.md

curves forecasts: build
	python3 scripts/$@.py

guidance precision: build
	@scripts/venv.sh .results-venv pillow numpy
	.results-venv/bin/python scripts/$@.py

BROWSER_PACKAGES := playwright==1.65.2 pillow==13.0.0 pyyaml==6.0.4 axe-playwright-python==0.1.8 marionette-driver==3.7.1
PROGRAM := .build/release/clipdragd
BROWSER := chromium

browser:
	@scripts/install-packages.sh chromium chromium-sandbox fonts-dejavu-core python3-venv
	@scripts/venv.sh .browser-venv $(BROWSER_PACKAGES)

# `make test` has built the program; by itself this builds the release.
test-editor: browser $(if $(filter .build/release/%,$(PROGRAM)),build)
ifeq ($(BROWSER),firefox)
	@scripts/install-packages.sh firefox-esr
	.browser-venv/bin/python Tests/EditorTests/firefox_test.py --program $(PROGRAM) --screenshots .results/editor
else
	.browser-venv/bin/python Tests/EditorTests/editor_tests.py --program $(PROGRAM) --screenshots .results/editor
endif

editor-pictures: browser
	.browser-venv/bin/python scripts/editor_pictures.py docs/pictures

test-aarch64:
	@scripts/test-aarch64.sh

test-oracle: build
	@scripts/venv.sh .oracle-venv $(ORACLE_PACKAGES)
	OPENBLAS_CORETYPE=Haswell .oracle-venv/bin/python scripts/test_oracle.py

deb: packages
	@scripts/install-packages.sh build-essential debhelper fakeroot lintian pandoc pkg-config zlib1g-dev
	rm -rf dist && mkdir dist
	dpkg-checkbuilddeps
	debian/rules build
	fakeroot debian/rules binary
	lintian --tag-display-limit 0 --fail-on error --allow-root dist/*.deb

test-systemd: deb
	@scripts/install-packages.sh debootstrap systemd-container
	scripts/test-systemd.sh dist/clipdragd_*.deb

check-unit:
	@scripts/install-packages.sh systemd
	scripts/check-unit.sh

format:
	swift format -i -r $(SOURCES)

lint:
	swift format lint -s -r $(SOURCES)
	scripts/line_lengths.py

clean:
	rm -rf .build .build-deb dist
	rm -rf debian/clipdragd debian/.debhelper debian/files debian/*.debhelper debian/*.substvars debian/debhelper-build-stamp
