/* test_rule_errors.c - every kind of mistake: its place, and a sentence that helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detectors/rule.h"
#include "detectors/yaml.h"

#define ID "0a000000-0000-4000-8000-00000000000a"
/* Five lines; a line of the detection follows as the sixth. */
#define DETECTION "title: T\nname: t\nlogsource: {category: online_ad}\ndetection:\n"
/* A good detection of one line each, and the beginning of a correlation: line 5 follows. */
#define AD                                                                                         \
    "{title: A, name: ad, logsource: {category: online_ad}, detection: {s: {country: NO}, "        \
    "condition: s}}\n---\n"
#define RED                                                                                        \
    "{title: N, name: red, logsource: {category: notice}, detection: {s: {notice.colour: red}, "   \
    "condition: s}}\n---\n"
#define HEAD "title: T\nid: " ID "\nlevel: low\n"
#define COUNT                                                                                      \
    AD HEAD "correlation: {type: event_count, rules: [ad], group-by: [country], timespan: 1d, "    \
            "condition: {gte: 2}}\n"

struct mistake {
    const char *text;
    const char *place; /* line:column, or "" for the whole file */
    const char *phrase;
};

static const struct mistake yaml_mistakes[] = {
    { "title: [a, b\nname: x\n", "2:5", "not YAML" },
    { "title: \"open\n", "2:1", "not YAML" },
    { "a: 1\n b: 2\n", "2:3", "not YAML" },
    { "title: T\nname:\tt\n", "2:6", "a tab" },
    { "title: T\nname: \xff\n", "2:7", "not UTF-8: byte 0xff" },
    { "title: \xc0\xaf\n", "1:8", "not UTF-8" },
    { "title: \xed\xa0\x80\n", "1:8", "not UTF-8" },
    { "title: a\x01\n", "1:9", "U+0001" },
    { "title: a\xe2\x80\xa8"
      "b\n",
      "1:9", "U+2028" },
    { "title: &x T\n", "1:8", "anchors are not known" },
    { "title: T\nname: *x\n", "2:7", "aliases are not known" },
    { "title: !!str T\n", "1:8", "tags are not known" },
    { "title: T\ntitle: U\n", "2:1", "stands here twice: first on line 1" },
    { "[a]: b\n", "1:1", "expected a key that is plain text" },
    { "a: [[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]\n", "1:19", "nested more than 16 deep" },
    { "title: T\nt l", "2:4", "could not find expected ':'" }, /* not on a third line */
    { "- a\n", "1:1", "expected a document to be a map" },
    { "just words\n", "1:1", "found a text" },
    { "", "", "no rule here" },
    { "---\n---\n", "", "no rule here" },
};

static const struct mistake document_mistakes[] = {
    { "title: T\n", "1:1", "expected detection (which events) or correlation" },
    { "title: T\ndetections: {}\n", "2:1", "did you mean \"detection\"?" },
    { AD "title: T\ndetection: {}\ncorrelation: {}\n", "5:1", "not both" },
    { "name: t\nlogsource: {category: online_ad}\ndetection: {s: {country: NO}, condition: s}\n",
      "1:1", "expected title" },
    { "title:\nname: t\nlogsource: {category: online_ad}\ndetection: {s: {country: NO}, condition: "
      "s}\n",
      "1:7", "expected title, found nothing" },
    { COUNT "titel: x\n", "7:1", "did you mean \"title\"?" },
    { COUNT "mode: live\n", "7:1", "unknown key of a correlation, \"mode\"" },
    { COUNT "status: stabel\n", "7:9", "did you mean \"stable\"?" },
    { COUNT "date: yesterday\n", "7:7", "expected a date" },
    { COUNT "tags: [fraud]\n", "7:8", "NAMESPACE.NAME" },
    { COUNT "references: https://example.org\n", "7:13", "expected references to be a list" },
    { COUNT "name: a b\n", "7:7", "expected a name of letters" },
    { COUNT "name: ad\n", "7:7", "the name \"ad\" is taken" },
    { COUNT "---\n" HEAD
            "correlation: {type: event_count, rules: [ad], group-by: [country], timespan: 1d, "
            "condition: {gte: 2}}\n",
      "9:5", "the id \"" ID "\" is taken" },
};

static const struct mistake detection_mistakes[] = {
    { DETECTION "  a: {country: NO}\n  condition: a\nlevel: high\n", "1:1", "expected id" },
    { DETECTION "  a: {country: NO}\n  condition: a\nlevel: hihg\nid: " ID "\n", "7:8",
      "did you mean \"high\"?" },
    { DETECTION "  a: {country: NO}\n  condition: a\ncrosswatch: {mode: live}\n", "7:1",
      "this one only selects" },
    { DETECTION "  a: {country: NO}\n  condition: a\nlevel: low\nid: " ID
                "\ncrosswatch: {suppress: {for: 1d}}\n",
      "9:14", "each event is an alert of its own" },
    { "title: T\nid: " ID "\nlevel: low\nlogsource: {category: notice}\n"
      "detection: {s: {notice.colour: red}, condition: s}\n",
      "3:1", "write a correlation of type standing" },
    { "title: T\nlogsource: {category: online_ad}\ndetection: {s: {country: NO}, condition: s}\n",
      "1:1", "expected a name" },
    { "title: T\nname: t\ndetection: {s: {country: NO}, condition: s}\n", "1:1",
      "expected logsource" },
    { "title: T\nname: t\nlogsource: {}\ndetection: {s: {country: NO}, condition: s}\n", "3:12",
      "expected category" },
    { "title: T\nname: t\nlogsource: {category: online_add}\n"
      "detection: {s: {country: NO}, condition: s}\n",
      "3:23", "did you mean \"online_ad\"?" },
    { "title: T\nname: t\nlogsource: {category: online_ad, product: x}\n"
      "detection: {s: {country: NO}, condition: s}\n",
      "3:34", "unknown key of logsource, \"product\": known here is category" },
    { DETECTION "  a: {contry: NO}\n  condition: a\n", "5:7", "did you mean \"country\"?" },
    { DETECTION "  a: {\"contry\": NO}\n  condition: a\n", "5:8", "did you mean \"country\"?" },
    { DETECTION "  a: {party.contact.id.phon: 1}\n  condition: a\n", "5:24",
      "did you mean \"phone\"?" },
    { DETECTION "  a: {ad.cattegory: x}\n  condition: a\n", "5:10", "did you mean \"category\"?" },
    { DETECTION "  a: {notice.colour: red}\n  condition: a\n", "5:7",
      "notice.colour is a field of notice, and these events are of online_ad (ad.FIELD)" },
    { DETECTION "  a: {party.person.entity: x}\n  condition: a\n", "5:7", "not the entity" },
    { DETECTION "  a: {party.person.id.passport: 123}\n  condition: a\n", "5:33",
      "expected RO:123, found \"123\"" },
    { DETECTION "  a: {country|contians: N}\n  condition: a\n", "5:15",
      "did you mean \"contains\"?" },
    { DETECTION "  a: {country|sounds: N}\n  condition: a\n", "5:15",
      "unknown modifier \"sounds\": there are contains, startswith" },
    { DETECTION "  a: {country|re: N.*}\n  condition: a\n", "5:15",
      "the modifier \"re\" is not supported: there are contains, startswith" },
    { DETECTION "  a: {ad.city|contains|all: [a, b]}\n  condition: a\n", "5:24",
      "the modifier \"all\" is not supported" },
    { DETECTION "  a: {place.lat|near: x}\n  condition: a\n", "5:17",
      "the modifier \"near\" is not supported" },
    { DETECTION "  a: {ad.city|}\n  condition: a\n", "5:15", "unknown modifier \"\"" },
    { DETECTION "  a: {ad.city|contains|startswith: x}\n  condition: a\n", "5:24",
      "contains and startswith do not go together" },
    { DETECTION "  a: {ad.city|cased|exists: true}\n  condition: a\n", "5:21",
      "cased and exists do not go together" },
    { DETECTION "  a: {ad.city|cased|cased: x}\n  condition: a\n", "5:21",
      "cased stands here twice" },
    { DETECTION "  a: {ad.city|in_list|contains: x}\n  condition: a\n", "5:23",
      "in_list and contains do not go together" },
    { DETECTION "  a: {tz_offset|gt|lt: 1}\n  condition: a\n", "5:20",
      "gt and lt do not go together" },
    { DETECTION "  a: {ad.city|gt: x}\n  condition: a\n", "5:15", "ad.city is a text" },
    { DETECTION "  a: {place.lat|gt: 43.9}\n  condition: a\n", "5:17", "enters no comparison" },
    { DETECTION "  a: {tz_offset|contains: 6}\n  condition: a\n", "5:17", "tz_offset is no text" },
    { DETECTION "  a: {tz_offset|cased: 6}\n  condition: a\n", "5:17", "tz_offset is no text" },
    { DETECTION "  a: {party.person.name|cased: X}\n  condition: a\n", "5:25",
      "cased cannot be asked" },
    { DETECTION "  a: {tz_offset|gte: 1.5}\n  condition: a\n", "5:22", "expected a whole number" },
    { DETECTION "  a: {event_time|lt: yesterday}\n  condition: a\n", "5:22",
      "expected a time such as" },
    { DETECTION "  a: {ad.city|contains: \"\"}\n  condition: a\n", "5:26",
      "the empty one is part of each" },
    { DETECTION "  a: {ad.city: \"a\\x01\"}\n  condition: a\n", "5:16", "a control character" },
    { DETECTION "  a: {ad.city|in_list: ports}\n  condition: a\n", "5:24", "this rule is in none" },
    { DETECTION "  a: {ad.city|in_list: ../x}\n  condition: a\n", "5:24",
      "expected the name of a list" },
    { DETECTION "  a: {ad.city|in_list: }\n  condition: a\n", "5:24",
      "expected the name of a list, found nothing" },
    { DETECTION "  a: {country|exits: true}\n  condition: a\n", "5:15",
      "did you mean \"exists\"?" },
    { DETECTION "  a: {country|exists: maybe}\n  condition: a\n", "5:23",
      "expected true or false" },
    { DETECTION "  a: {country: null}\n  condition: a\n", "5:16", "country|exists: false" },
    { DETECTION "  a: {country: }\n  condition: a\n", "5:16", "expected a value" },
    { DETECTION "  a: {country: []}\n  condition: a\n", "5:16", "at least one value" },
    { DETECTION "  a: {country: [NO, [SE]]}\n  condition: a\n", "5:21", "found a list" },
    { DETECTION "  a: {country: {x: y}}\n  condition: a\n", "5:16", "found a map" },
    { DETECTION "  a: {tz_offset: 060}\n  condition: a\n", "5:18", "expected a whole number" },
    { DETECTION "  a: {event_time: noon}\n  condition: a\n", "5:19", "expected a time" },
    { DETECTION "  a: {place.lat: 43.9}\n  condition: a\n", "5:7", "never equal for certain" },
    { DETECTION "  a: [word, other]\n  condition: a\n", "5:7", "words without a path" },
    { DETECTION "  a: {}\n  condition: a\n", "5:6", "at least one test" },
    { DETECTION "  a: word\n  condition: a\n", "5:6", "expected a map of tests" },
    { DETECTION "  and: {country: NO}\n  condition: and\n", "5:3", "a word of conditions" },
    { DETECTION "  a: {country: NO}\n  b: {country: SE}\n  condition: a\n", "6:3",
      "\"b\" is not in the condition" },
    { DETECTION "  a: {country: NO}\n", "5:3", "expected a condition" },
    { DETECTION "  a: {country: NO}\n  condition: {a: b}\n", "6:14",
      "expected the condition to be a text" },
    { DETECTION "  a: {country: NO}\n  condition: []\n", "6:14", "at least one condition" },
    { DETECTION "  a: {country: NO}\n  condition: [a, [a]]\n", "6:18",
      "expected the condition to be a text" },
    { DETECTION "  a: {country: NO}\n  condition: [a, aa]\n", "6:18", "did you mean \"a\"?" },
};

static const struct mistake condition_mistakes[] = {
    { DETECTION "  sel: {country: NO}\n  condition: sell\n", "6:14", "did you mean \"sel\"?" },
    { DETECTION "  a: {country: NO}\n  condition: a and\n", "6:19", "found the end" },
    { DETECTION "  a: {country: NO}\n  condition: a AND a\n", "6:16", "did you mean \"and\"?" },
    { DETECTION "  a: {country: NO}\n  condition: 'a a'\n", "6:17",
      "expected and, or, or the end" },
    { DETECTION "  a: {country: NO}\n  condition: (a or a\n", "6:14", "never closed" },
    { DETECTION "  a: {country: NO}\n  condition: a)\n", "6:15", "found \")\"" },
    { DETECTION "  a: {country: NO}\n  condition: (a a)\n", "6:17", "a closing parenthesis" },
    { DETECTION "  a: {country: NO}\n  condition: or a\n", "6:14", "found \"or\"" },
    { DETECTION "  sel1: {country: NO}\n  condition: 1 of sell1\n", "6:19",
      "\"sell1\" fits no selection: did you mean \"sel1\"?" },
    { DETECTION "  a: {country: NO}\n  condition: a or 1 of b*\n", "6:24",
      "\"b*\" fits no selection" },
    { DETECTION "  a: {country: NO}\n  condition: 2 of a*\n", "6:14",
      "expected 1 of or all of, found \"2\"" },
    { DETECTION "  _a: {country: NO}\n  condition: all of them\n", "6:21", "begin with _" },
    { DETECTION "  _a: {country: NO}\n  condition: 1 of _*\n", "6:19", "begin with _" },
    { DETECTION "  a: {country: NO}\n  condition: all of\n", "6:20",
      "expected them, or names such as filter*, found the end" },
    { DETECTION "  a: {country: NO}\n  condition: all of not a\n", "6:21",
      "expected them, or names" },
    { DETECTION "  a: {country: NO}\n  condition: a*\n", "6:14", "write 1 of a*, or all of a*" },
    { DETECTION "  a: {country: NO}\n  _b: {country: SE}\n  condition: 1 of them\n", "6:3",
      "\"_b\" is not in the condition" },
    { DETECTION "  any: {country: NO}\n  condition: any\n", "5:3", "a word of conditions" },
    { DETECTION "  a: {country: NO}\n  condition: a | count() > 3\n", "6:16",
      "write a correlation" },
    { DETECTION "  a: {country: NO}\n  condition: >-\n    a and b\n", "6:14",
      "no selection is named \"b\"" },
    { DETECTION
      "  a: {country: NO}\n  condition: not not not not not not not not not not not not not not "
      "not not not not not not not not not not not not not not not not not not not a\n",
      "6:142", "nested more than 32 deep" },
};

/* correlation: {…} on line 6 */
#define C(rest) AD HEAD "correlation: {" rest "}\n"
#define VALID "rules: [ad], group-by: [country], timespan: 1d, condition: {gte: 2}"
#define PAY                                                                                        \
    "{title: P, name: pay, logsource: {category: payment}, detection: {s: {country: NO}, "         \
    "condition: s}}\n---\n"
#define TWO(rest)                                                                                  \
    AD PAY HEAD "correlation: {type: event_count, " rest ", timespan: 1d, condition: {gte: 2}}\n"
#define S(rest) AD RED HEAD "correlation: {type: standing, " rest "}\n"

static const struct mistake correlation_mistakes[] = {
    { AD "title: T\nlevel: low\ncorrelation: {type: event_count, " VALID "}\n", "3:1",
      "expected id" },
    { AD "title: T\nid: 1\nlevel: low\ncorrelation: {type: event_count, " VALID "}\n", "4:5",
      "expected a UUID" },
    { AD "title: T\nid: " ID "\ncorrelation: {type: event_count, " VALID "}\n", "3:1",
      "expected level" },
    { AD "title: T\nid: " ID "\nlevel: hihg\ncorrelation: {type: event_count, " VALID "}\n", "5:8",
      "did you mean \"high\"?" },
    { C(VALID), "6:1", "expected type" },
    { C("type: temporal, " VALID), "6:21",
      "correlations of the type temporal are not supported: there are event_count" },
    { C("type: event_cuont, " VALID), "6:21", "did you mean \"event_count\"?" },
    { C("type: event_count, having: [], " VALID), "6:42", "expected 1 to 16" },
    { C("type: event_count, having: {count: 3}, " VALID), "6:42", "expected having to be a list" },
    { C("type: event_count, having: [3], " VALID), "6:43", "to be a map" },
    { C("type: event_count, having: [{gte: 3}], " VALID), "6:43", "expected {count: {gte: N}}" },
    { C("type: event_count, having: [{cuont: {gte: 3}}], " VALID), "6:44",
      "did you mean \"count\"?" },
    { C("type: event_count, having: [{count: 3}], " VALID), "6:51", "expected count to be a map" },
    { C("type: event_count, having: [{count: {lte: 3}}], " VALID), "6:52",
      "lte is not supported in count: there are gte, gt" },
    { C("type: event_count, having: [{count: {gte: 3}, gte: 2}], " VALID), "6:61",
      "expected count: {gte: N}" },
    { C("type: event_count, having: [{distinct: country, sum: country, gte: 2}], " VALID), "6:63",
      "into an item of its own" },
    { C("type: event_count, having: [{distinct: country}], " VALID), "6:43",
      "expected one threshold" },
    { C("type: event_count, having: [{distinct: cuontry, gte: 2}], " VALID), "6:54",
      "did you mean \"country\"?" },
    { C("type: event_count, having: [{distinct: place.lat, gte: 2}], " VALID), "6:54",
      "neither key nor counted" },
    { C("type: event_count, having: [{sum: country, gte: 2}], " VALID), "6:49",
      "country cannot be summed" },
    { C("type: event_count, having: [{distinct: payment.channel, gte: 2}], " VALID), "6:54",
      "payment.channel is a field of payment, and ad selects online_ad" },
    { C("type: event_count, aliases: [], " VALID), "6:43", "expected aliases to be a map" },
    { C("type: event_count, aliases: {$p: country}, " VALID), "6:48",
      "expected an alias to be a map" },
    { C("type: event_count, aliases: {$p: {}}, " VALID), "6:48", "the paths that it joins" },
    { C("type: event_count, aliases: {\"$\": {ad: country}}, " VALID), "6:45",
      "expected the name of an alias" },
    { C("type: event_count, aliases: {owner: {ad: country}}, " VALID), "6:44",
      "is a path already: call the alias $owner" },
    { C("type: event_count, aliases: {$p: {adx: country}}, " VALID), "6:49",
      "unknown name among rules, \"adx\": did you mean \"ad\"?" },
    { C("type: event_count, aliases: {$p: {ad: cuontry}}, " VALID), "6:53",
      "did you mean \"country\"?" },
    { C("type: event_count, aliases: {$p: {ad: crossing.post}}, " VALID), "6:53",
      "crossing.post is a field of border_crossing, and ad selects online_ad" },
    { TWO("aliases: {$p: {ad: country}}, group-by: [$p], rules: [ad, pay]"), "8:44",
      "$p lacks a path for pay" },
    { TWO("aliases: {$p: {ad: party.contact.id.phone, pay: country}}, group-by: [$p], rules: [ad, "
          "pay]"),
      "8:82", "country and party.contact.id.phone are never equal" },
    { TWO("aliases: {$p: {ad: party.contact.entity, pay: object.payer_account.entity}}, group-by: "
          "[$p], rules: [ad, pay]"),
      "8:80", "are never equal" },
    { TWO("aliases: {$p: {ad: party.a.id.passport, pay: party.b.id.tax_id}}, group-by: [$p], "
          "rules: [ad, pay]"),
      "8:79", "are never equal" },
    { TWO("aliases: {$phone: {ad: country, pay: country}}, group-by: [$phnoe], rules: [ad, pay]"),
      "8:93", "no alias is named \"$phnoe\": did you mean \"$phone\"?" },
    { TWO("group-by: [ad.city], rules: [ad, pay]"), "8:45",
      "ad.city is a field of online_ad, and pay selects payment" },
    { PAY HEAD "correlation: {type: value_sum, rules: [pay], group-by: [country], timespan: 1d, "
               "condition: {gte: 2}}\n",
      "6:92", "expected field: PATH, the values that value_sum adds up" },
    { PAY HEAD "correlation: {type: value_sum, rules: [pay], group-by: [country], timespan: 1d, "
               "condition: {field: payment.currency, gte: 2}}\n",
      "6:100", "payment.currency cannot be summed: expected a whole number" },
    { PAY HEAD "correlation: {type: value_sum, rules: [pay], group-by: [country], timespan: 1d, "
               "condition: {field: tz_offset, gte: 2}}\n",
      "6:100", "tz_offset cannot be summed" },
    { PAY HEAD "correlation: {type: value_sum, rules: [pay], group-by: [country], timespan: 1d, "
               "condition: {field: place.lat, gte: 2}}\n",
      "6:100", "neither key nor counted" },
    { C("type: event_count, group_by: [country], rules: [ad], timespan: 1d, condition: {gte: 2}"),
      "6:34", "did you mean \"group-by\"?" },
    { C("type: event_count, group-by: [country], timespan: 1d, condition: {gte: 2}"), "6:1",
      "expected rules" },
    { C("type: event_count, rules: ad, group-by: [country], timespan: 1d, condition: {gte: 2}"),
      "6:41", "expected rules to be a list" },
    { C("type: event_count, rules: [], group-by: [country], timespan: 1d, condition: {gte: 2}"),
      "6:41", "expected 1 to" },
    { C("type: event_count, rules: [adx], group-by: [country], timespan: 1d, condition: {gte: 2}"),
      "6:42", "did you mean \"ad\"?" },
    { C("type: event_count, rules: [ad, ad], group-by: [country], timespan: 1d, condition: {gte: "
        "2}"),
      "6:46", "twice" },
    { AD "title: T\nid: " ID
         "\nname: me\nlevel: low\ncorrelation: {type: event_count, rules: [me], "
         "group-by: [country], timespan: 1d, condition: {gte: 2}}\n",
      "7:42", "\"me\" is a correlation" },
    { AD RED HEAD
      "correlation: {type: event_count, rules: [red], group-by: [country], timespan: 1d, "
      "condition: {gte: 2}}\n",
      "8:42", "stands over an interval and is in no window" },
    { C("type: event_count, rules: [ad], timespan: 1d, condition: {gte: 2}"), "6:1",
      "expected group-by" },
    { C("type: event_count, rules: [ad], group-by: [cuontry], timespan: 1d, condition: {gte: 2}"),
      "6:58", "did you mean \"country\"?" },
    { C("type: event_count, rules: [ad], group-by: [$phone], timespan: 1d, condition: {gte: 2}"),
      "6:58", "no alias is named \"$phone\": expected aliases: {$phone: {" },
    { C("type: event_count, rules: [ad], group-by: [crossing.post], timespan: 1d, condition: {gte: "
        "2}"),
      "6:58", "crossing.post is a field of border_crossing, and ad selects online_ad" },
    { C("type: event_count, rules: [ad], group-by: [place.lat], timespan: 1d, condition: {gte: 2}"),
      "6:58", "neither key nor counted" },
    { C("type: event_count, rules: [ad], group-by: [country, country], timespan: 1d, condition: "
        "{gte: 2}"),
      "6:67", "twice" },
    { C("type: event_count, match: raw, rules: [ad], group-by: [party.person.entity], timespan: "
        "1d, "
        "condition: {gte: 2}"),
      "6:41", "never raw" },
    { C("type: event_count, match: exact, " VALID), "6:41", "no path here is one" },
    { C("type: event_count, match: fuzzy, " VALID), "6:41", "unknown match \"fuzzy\"" },
    { C("type: event_count, rules: [ad], group-by: [country], condition: {gte: 2}"), "6:1",
      "expected timespan" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: thirty days, condition: "
        "{gte: 2}"),
      "6:78", "found \"thirty days\"" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 0d, condition: {gte: 2}"),
      "6:78", "1s or more" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d"), "6:1",
      "expected condition" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d, condition: {lte: 2}"),
      "6:94", "lte is not supported in condition: there are gte, gt" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d, condition: {gte: 2, "
        "gt: 1}"),
      "6:102", "expected one threshold" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d, condition: {gte: 0}"),
      "6:99", "from 1 to" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d, condition: {gte: 1.5}"),
      "6:99", "found \"1.5\"" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d, "
        "condition: {gte: 99999999999999999999}"),
      "6:99", "a threshold: a whole number" },
    { C("type: event_count, rules: [ad], group-by: [country], timespan: 1d, "
        "condition: {gte: 2, field: country}"),
      "6:102", "a field is for value_count" },
    { C("type: value_count, " VALID), "6:93", "expected field: PATH" },
    { C("type: value_count, rules: [ad], group-by: [country], timespan: 1d, "
        "condition: {gte: 2, field: ad.cty}"),
      "6:112", "did you mean \"city\"?" },
    { C("type: event_count, lookback: 2d, " VALID), "6:34", "lookback is for standing" },
    { C("type: event_count, on: [ad], " VALID), "6:34", "on is for standing" },
    { S("rules: [ad], group-by: [party.person.entity]"), "8:1", "expected on: [NAME]" },
    { S("rules: [ad], on: [ad], group-by: [party.person.entity]"), "8:49", "happens at a time" },
    { S("rules: [ad], on: [red], group-by: [country]"), "8:66",
      "expected group-by: [party.ROLE.entity]" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity, country]"), "8:66",
      "on one entity" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity], match: raw"), "8:95",
      "never raw" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity], timespan: 3d"), "8:88",
      "standing has no timespan" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity], condition: {gte: 1}"), "8:88",
      "standing has no condition" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity], lookback: 23h"), "8:98",
      "lookback of 1d or more" },
    { COUNT "crosswatch: {budget: {}}\n", "7:14", "budget is not supported in crosswatch" },
    { COUNT "crosswatch: {purpose: [combating-crimes]}\n", "7:24",
      "unknown purpose \"combating-crimes\": did you mean \"combating-crime\"?" },
    { COUNT "crosswatch: {purpose: combating-crime}\n", "7:23", "expected purpose to be a list" },
    { COUNT "crosswatch: {purpose: []}\n", "7:23", "expected 1 to" },
    { COUNT "crosswatch: {purpose: [combating-crime, combating-crime]}\n", "7:41", "twice" },
    { COUNT "crosswatch: {tests: {}}\n", "7:21", "expected tests to be a list" },
    { COUNT "crosswatch: {revision: first}\n", "7:24", "expected a revision: a whole number" },
    { COUNT "crosswatch: {mode: alive}\n", "7:20", "did you mean \"live\"?" },
    { COUNT "crosswatch: {cross_border: maybe}\n", "7:28", "expected true or false" },
    { COUNT "crosswatch: {cros_border: true}\n", "7:14", "did you mean \"cross_border\"?" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity]") "crosswatch: {cross_border: "
                                                                   "true}\n",
      "9:14", "cross_border is for windows" },
    { S("rules: [ad], on: [red], group-by: [party.person.entity], having: [{count: {gte: 2}}]"),
      "8:88", "standing has no condition" },
    { COUNT "crosswatch: {suppress: {for: 7d, unless: level_rises}}\n", "7:34",
      "unless is not supported in suppress: there is for" },
    { COUNT "crosswatch: {suppress: {for: soon}}\n", "7:30", "expected suppress.for" },
    { COUNT "crosswatch: {suppress: 7d}\n", "7:24", "expected suppress to be a map" },
    { COUNT "crosswatch: {evidence: {keep: 1001}}\n", "7:31", "from 1 to 1000" },
    { COUNT "crosswatch: {evidence: {keep: 5, fields: [x]}}\n", "7:34",
      "fields is not supported in evidence: there is keep" },
};

static char *errors_of(cw_str text)
{
    struct cw_buf errors = { 0 };
    struct cw_rules *rules = cw_rules_parse("f", text, &errors);
    if (rules != NULL) {
        cw_rules_free(rules);
        cw_buf_cstr(&errors, "(no mistake found)\n");
    }
    cw_buf_u8(&errors, 0);
    return (char *)errors.data;
}

/* Under the finding stand the line of the text as it is, and a caret below the column. */
static bool shows_place(const char *under, const char *text, const char *place)
{
    char *colon;
    unsigned long line = strtoul(place, &colon, 10);
    unsigned long column = strtoul(colon + 1, NULL, 10);
    for (unsigned long i = 1; i < line; i++)
        text = strchr(text, '\n') + 1;
    size_t len = strcspn(text, "\n");
    if (memchr(text, 0xff, len) != NULL || memchr(text, 0x01, len) != NULL)
        return true; /* what cannot be printed is shown otherwise */
    if (strncmp(under, "    ", 4) != 0 || strncmp(under + 4, text, len) != 0 ||
        under[4 + len] != '\n')
        return false;
    const char *caret = under + 4 + len + 1;
    return strspn(caret, " ") == 4 + column - 1 && strncmp(caret + 4 + column - 1, "^\n", 2) == 0;
}

/* The line of the findings that begins with the place and holds the phrase; `text` NULL: what
 * stands under it does not matter. */
static bool has_finding(const char *errors, const char *text, const char *place, const char *phrase)
{
    char start[64];
    snprintf(start, sizeof(start), "f%s%s: error: ", place[0] != 0 ? ":" : "", place);
    for (const char *line = errors; line != NULL && *line != 0;) {
        const char *end = strchr(line, '\n');
        const char *found = strstr(line, phrase);
        if (strncmp(line, start, strlen(start)) == 0 && found != NULL && end != NULL && found < end)
            return text == NULL || place[0] == 0 || shows_place(end + 1, text, place);
        line = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static size_t count_findings(const char *errors)
{
    size_t count = 0;
    for (const char *at = errors; (at = strstr(at, ": error: ")) != NULL; at++)
        count++;
    return count;
}

static void check_table(const struct mistake *mistakes, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        char *errors = errors_of(cw_cstr(mistakes[i].text));
        if (!has_finding(errors, mistakes[i].text, mistakes[i].place, mistakes[i].phrase)) {
            good = false;
            print_error("--- %s\nexpected %s: %s\nfound\n%s\n", mistakes[i].text, mistakes[i].place,
                        mistakes[i].phrase, errors);
        }
        free(errors);
    }
    assert_true(good);
}

#define TABLE(name) check_table(name, sizeof(name) / sizeof((name)[0]))

static void what_is_not_the_yaml_of_rules_is_said(void **state)
{
    (void)state;
    TABLE(yaml_mistakes);
}

static void what_a_document_lacks_or_repeats_is_said(void **state)
{
    (void)state;
    TABLE(document_mistakes);
}

static void what_no_event_can_meet_is_said(void **state)
{
    (void)state;
    TABLE(detection_mistakes);
}

static void what_a_condition_cannot_mean_is_said(void **state)
{
    (void)state;
    TABLE(condition_mistakes);
}

static void what_a_correlation_cannot_be_is_said(void **state)
{
    (void)state;
    TABLE(correlation_mistakes);
}

static void one_mistake_is_one_finding(void **state)
{
    (void)state;
    static const char *const texts[] = {
        C("type: event_count, rules: [adx], group-by: [country], timespan: 1d, condition: {gte: "
          "2}"),
        C("type: event_count, rules: [ad], group-by: [cuontry], timespan: 1d, condition: {gte: 2}"),
        C("type: event_cuont, " VALID),
        DETECTION "  a: {contry: NO}\n  condition: a\n",
        DETECTION "  a: {country: [NO\n", /* what is missing behind it is not missed */
        DETECTION "  a: {country: NO}\n  condition: aa and a\n",
        "title: A\nname: ad\nlogsource: {category: online_add}\n"
        "detection: {s: {country: NO}, condition: s}\n---\n" HEAD
        "correlation: {type: event_count, " VALID "}\n",
        "title: A\nlogsource: {category: online_ad}\n"
        "detection: {s: {country: NO}, condition: s}\n---\n" HEAD
        "correlation: {type: event_count, " VALID "}\n",
        AD HEAD "correlation: {type: event_count, rules: *x, group-by: [country], timespan: 1d, "
                "condition: {gte: 2}}\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *errors = errors_of(cw_cstr(texts[i]));
        if (count_findings(errors) != 1)
            fail_msg("%s\n%s", texts[i], errors);
        free(errors);
    }
}

static void all_mistakes_are_shown_in_their_order_with_line_and_caret(void **state)
{
    (void)state;
    char *errors =
        errors_of(cw_cstr("title: T\nname: t\nlogsource: {category: online_ad}\n"
                          "detection:\n  a: {ŏwner: x, contry: NO}\n  condition: b\n---\n"
                          "title: U\nid: 7\nlevel: hihg\ncorrelation: {type: even_count}\n"));
    assert_string_equal(
        errors,
        "f:5:7: error: unknown path \"ŏwner\": did you mean \"owner\"?\n"
        "      a: {ŏwner: x, contry: NO}\n"
        "          ^\n"
        "f:5:17: error: unknown path \"contry\": did you mean \"country\"?\n"
        "      a: {ŏwner: x, contry: NO}\n"
        "                    ^\n"
        "f:6:14: error: no selection is named \"b\": did you mean \"a\"?\n"
        "      condition: b\n"
        "                 ^\n"
        "f:9:5: error: expected a UUID such as 7b1f3f0e-0d8e-4a53-9f0e-6a5a1d2c9a01, found \"7\"\n"
        "    id: 7\n"
        "        ^\n"
        "f:10:8: error: unknown level \"hihg\": did you mean \"high\"?\n"
        "    level: hihg\n"
        "           ^\n"
        "f:11:21: error: unknown correlation type \"even_count\": did you mean \"event_count\"?\n"
        "    correlation: {type: even_count}\n"
        "                        ^\n");
    free(errors);
}

static void a_file_above_the_limit_is_refused(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    while (text.len <= CW_YAML_SIZE_MAX)
        cw_buf_cstr(&text, "# a comment that fills the file\n");
    char *errors = errors_of((cw_str){ (const char *)text.data, text.len });
    assert_true(has_finding(errors, NULL, "", "too large"));
    free(errors);
    cw_buf_done(&text);
}

static void more_mistakes_than_anyone_reads_are_counted(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    cw_buf_cstr(&text, COUNT);
    for (int i = 0; i < 220; i++)
        cw_buf_printf(&text, "xx%d: 1\n", i);
    char *errors = errors_of((cw_str){ (const char *)text.data, text.len });
    assert_true(has_finding(errors, NULL, "", "20 mistakes more"));
    assert_int_equal(count_findings(errors), CW_FINDINGS_MAX + 1);
    free(errors);
    cw_buf_done(&text);
}

static void a_condition_that_multiplies_is_refused(void **state)
{
    (void)state;
    struct cw_buf text = { 0 };
    cw_buf_cstr(&text, DETECTION);
    for (int i = 0; i < 200; i++)
        cw_buf_printf(&text, "  s%d: {country: x%d}\n", i, i);
    cw_buf_cstr(&text, "  condition: 1 of them");
    for (int i = 0; i < 200; i++)
        cw_buf_printf(&text, " or (all of s* and not s%d)", i);
    cw_buf_cstr(&text, "\n");
    char *errors = errors_of((cw_str){ (const char *)text.data, text.len });
    assert_true(has_finding(errors, NULL, "205:14", "the condition comes to more than"));
    assert_int_equal(count_findings(errors), 1);
    free(errors);
    cw_buf_done(&text);
}

static void a_message_holds_no_control_characters(void **state)
{
    (void)state;
    char *errors = errors_of(cw_cstr(COUNT "\"a\\x1b[31m\\0\\x9bz\": 1\n"));
    assert_true(has_finding(errors, NULL, "7:1", "unknown key of a correlation, \"a?[31m?"));
    assert_null(strchr(errors, 0x1b));
    free(errors);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    struct cw_buf errors = { 0 };
    assert_null(cw_rules_load("/nonexistent/rules", &errors));
    cw_buf_u8(&errors, 0);
    assert_non_null(strstr((const char *)errors.data,
                           "/nonexistent/rules: error: cannot be read: No such file"));
    errors.len = 0;
    assert_null(cw_rules_load(CW_SOURCE_DIR "/detectors", &errors));
    cw_buf_u8(&errors, 0);
    assert_non_null(strstr((const char *)errors.data, "no rule file here"));
    cw_buf_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_the_yaml_of_rules_is_said),
        cmocka_unit_test(what_a_document_lacks_or_repeats_is_said),
        cmocka_unit_test(what_no_event_can_meet_is_said),
        cmocka_unit_test(what_a_condition_cannot_mean_is_said),
        cmocka_unit_test(what_a_correlation_cannot_be_is_said),
        cmocka_unit_test(one_mistake_is_one_finding),
        cmocka_unit_test(all_mistakes_are_shown_in_their_order_with_line_and_caret),
        cmocka_unit_test(a_file_above_the_limit_is_refused),
        cmocka_unit_test(more_mistakes_than_anyone_reads_are_counted),
        cmocka_unit_test(a_condition_that_multiplies_is_refused),
        cmocka_unit_test(a_message_holds_no_control_characters),
        cmocka_unit_test(what_cannot_be_read_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
