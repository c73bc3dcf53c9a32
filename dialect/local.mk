# local.mk -- dialect/
