# The real program in a lab of namespaces, once for each identity.
TESTS += \
	tests/e2e/as-root \
	tests/e2e/as-user
EXTRA_DIST += \
	tests/e2e/as-root \
	tests/e2e/as-user \
	tests/e2e/cases/alone.py \
	tests/e2e/cases/clients.py \
	tests/e2e/cases/explain.py \
	tests/e2e/cases/identity.py \
	tests/e2e/cases/killed.py \
	tests/e2e/cases/live.py \
	tests/e2e/cases/log.py \
	tests/e2e/cases/names.py \
	tests/e2e/cases/processes.py \
	tests/e2e/cases/shipped.py \
	tests/e2e/cases/status.py \
	tests/e2e/cases/traffic.py \
	tests/e2e/cases/verdicts.py \
	tests/e2e/lab/case.py \
	tests/e2e/lab/internet.py \
	tests/e2e/lab/space.py \
	tests/e2e/probe \
	tests/e2e/run
