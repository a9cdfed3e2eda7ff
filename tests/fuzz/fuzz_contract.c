/*
 * fuzz_contract.c - any text is either a contract, all of which can be kept, or refused with a
 * place or a sentence for every mistake.
 */
#include "ingest/contract.h"
#include "operators/runtime/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_diag diag = { 0 };
    struct cw_contract *contract =
        cw_contract_parse("fuzz.yaml", (cw_str){ (const char *)data, size }, &diag);
    CW_CHECK((contract == NULL) == (diag.count > 0));
    CW_CHECK((diag.out.len == 0) == (diag.count == 0));
    if (contract != NULL) {
        char room[32];
        const char *expected;
        CW_CHECK(contract->skew >= 0);
        for (size_t i = 0; i <= CW_TYPES_MAX; i++)
            CW_CHECK(contract->lateness[i] >= 0);
        for (size_t i = 0; i < contract->owner_count; i++)
            CW_CHECK(cw_contract_allows(contract, contract->owners[i]));
        CW_CHECK(cw_handling_fault(&contract->handling, room, &expected).ptr == NULL);
    }
    cw_contract_free(contract);
    cw_diag_done(&diag);
    return 0;
}
