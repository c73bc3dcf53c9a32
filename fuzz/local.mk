# local.mk -- fuzz/
