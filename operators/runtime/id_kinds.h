/*
 * id_kinds.h - the kinds of identifiers, once: what an event may carry and a rule may name.
 *
 * How each kind is checked and links is ingest's and link's affair; what a rule must know to be
 * checked without them stands here.
 */
#ifndef CW_RUNTIME_ID_KINDS_H
#define CW_RUNTIME_ID_KINDS_H

/* X(name, scoped, of_objects, unique)
 *   scoped      its text form is "ISSUER:VALUE"; without an issuer it is no key
 *   of_objects  stands on objects only
 *   unique      one of a kind: two holders are one */
#define CW_ID_KINDS(X)                                                                             \
    X(national_id, true, false, true)                                                              \
    X(tax_id, true, false, true)                                                                   \
    X(passport, true, false, true)                                                                 \
    X(driving_licence, true, false, true)                                                          \
    X(phone, false, false, false)                                                                  \
    X(iban, false, true, true)                                                                     \
    X(account, false, true, true)

#endif
