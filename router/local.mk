# local.mk -- router/
