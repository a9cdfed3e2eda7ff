/*
 * id_kinds.h - the kinds of identifiers, once: what an event may carry and a rule may name.
 *
 * How each kind is checked is ingest's affair (identifier.c).
 */
#ifndef CW_RUNTIME_ID_KINDS_H
#define CW_RUNTIME_ID_KINDS_H

/* X(number, name, scoped, of_objects, unique, exclusive, rank)
 *   number      in every log: it never changes, and a new kind takes the next one
 *   scoped      its text form is "ISSUER:VALUE"; without an issuer it is no key
 *   of_objects  stands on objects only
 *   unique      one of a kind: two holders are one
 *   exclusive   two values of one issuer conflict
 *   rank        of the edges it gives, 1 first; 0: gives none */
#define CW_ID_KINDS(X)                                                                             \
    X(1, national_id, true, false, true, true, 1)                                                  \
    X(2, tax_id, true, false, true, true, 1)                                                       \
    X(3, passport, true, false, true, false, 2)                                                    \
    X(4, driving_licence, true, false, true, false, 2)                                             \
    X(5, phone, false, false, false, false, 0)                                                     \
    X(6, iban, false, true, true, false, 1)                                                        \
    X(7, account, false, true, true, false, 1)                                                     \
    X(8, imei, false, true, true, false, 1)                                                        \
    X(9, identity_card, true, false, true, false, 2)

#endif
