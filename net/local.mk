# local.mk -- net/
