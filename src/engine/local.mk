noinst_LIBRARIES += src/engine/libcf-engine.a
src_engine_libcf_engine_a_SOURCES = src/engine/placeholder.c \
	src/engine/engine.h
