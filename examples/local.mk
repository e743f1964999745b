# What this folder ships.
EXTRA_DIST += \
	examples/quickstart/Makefile \
	examples/quickstart/policies/build.yaml \
	examples/quickstart/servers \
	examples/quickstart/world
