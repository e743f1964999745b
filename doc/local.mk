# What this folder ships.
dist_man_MANS += \
	doc/childflow.1 \
	doc/childflow-policy.5
dist_doc_DATA += \
	CONTRIBUTING.md \
	LICENSE \
	NEWS \
	README.md \
	doc/ARCHITECTURE.md \
	doc/DEPENDENCIES.md \
	doc/PERFORMANCE.md \
	doc/STYLE.md \
	doc/audit.md \
	doc/design.md \
	doc/dns.md \
	doc/policy.md \
	doc/truth.md
EXTRA_DIST += \
	.clang-format \
	autogen.sh \
	doc/performance.svg \
	quickstart
