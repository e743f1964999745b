# What this folder ships.
EXTRA_DIST += \
	examples/README.md \
	examples/agent-shell/README.md \
	examples/agent-shell/agent \
	examples/agent-shell/demo \
	examples/agent-shell/policy.yaml \
	examples/agent-shell/report \
	examples/c-build/Makefile \
	examples/c-build/README.md \
	examples/c-build/demo \
	examples/c-build/policy.yaml \
	examples/c-build/upstream/greet-1.0/greet.c \
	examples/python-fetcher/README.md \
	examples/python-fetcher/demo \
	examples/python-fetcher/fake_api \
	examples/python-fetcher/fetcher.py \
	examples/python-fetcher/policy.yaml \
	examples/python-fetcher/test_fetcher.py \
	examples/quickstart/Makefile \
	examples/quickstart/policies/build.yaml \
	examples/quickstart/servers \
	examples/quickstart/world
