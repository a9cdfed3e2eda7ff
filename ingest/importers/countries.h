/*
 * countries.h - names of countries and of states of the United States, as people write them, to
 * codes. The table is shipped; what is not in it is unknown, never guessed.
 */
#ifndef CW_IMPORTERS_COUNTRIES_H
#define CW_IMPORTERS_COUNTRIES_H

#include "operators/runtime/str.h"

/** ISO 3166-1 alpha-2 of a country by its name (letters of either case), alpha-2 or alpha-3 code
 *  (capitals). NULL: unknown, or a state that is no more ("former Soviet Union"). */
const char *cw_country_by_name(cw_str text);
/** Two letters of a state of the United States by its code or name. NULL: unknown. */
const char *cw_us_state_code(cw_str text);

#endif
