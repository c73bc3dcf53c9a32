# local.mk -- tests/
