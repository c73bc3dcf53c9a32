# local.mk -- bench/
