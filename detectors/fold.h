/* fold.h - how rules compare text: without case, and however an accent was typed. */
#ifndef CW_DETECTORS_FOLD_H
#define CW_DETECTORS_FOLD_H

#include "operators/runtime/arena.h"

enum cw_fold {
    CW_FOLD_TEXT,  /* case folded, composed (NFC) */
    CW_FOLD_CASED, /* composed only */
    CW_FOLD_NAME   /* as ingest folds names, but for their titles: NFKC, single spaces */
};

/** Points into `text` where folding changes nothing, else into the arena. */
cw_str cw_fold(cw_str text, enum cw_fold how, struct cw_arena *arena) CW_NONNULL(3);

#endif
