# local.mk -- ledger/
