# Tests of this room. A new file in explain/ needs no line here.
EXTRA_DIST += \
	tests/cli/explain \
	tests/cli/sarif.schema.json \
	tests/cli/test_check.py \
	tests/cli/test_explain.py
TESTS += \
	tests/cli/test_check.py \
	tests/cli/test_explain.py
