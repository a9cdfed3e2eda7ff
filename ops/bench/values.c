#include "ops/bench/values.h"

static int64_t text(cw_str value)
{
    return value.ptr != NULL;
}

static int64_t of_part(const struct cw_part *part, bool party)
{
    int64_t count = 2; /* role and kind */
    for (size_t i = 0; i < part->id_count; i++)
        count +=
            2 + text(part->ids[i].issuer) + text(part->ids[i].stated) + text(part->ids[i].fault);
    for (size_t i = 0; i < part->name_count; i++)
        count += 3 + text(part->names[i].script);
    if (party)
        count += (int64_t)(part->birth_date_count + part->nationality_count + part->address_count) +
                 text(part->sex);
    return count;
}

static int64_t of_envelope(const struct cw_event *event)
{
    enum { ALWAYS = 11 }; /* owner to recorded_at, evidence_status, schema_version */
    const struct cw_place *place = &event->place;
    const struct cw_handling *handling = &event->handling;
    int64_t count = ALWAYS + event->retain_until.present + text(event->country) +
                    text(event->language) + text(event->source_ref) + text(event->payload_hash) +
                    (int64_t)(event->crime_area_count + event->purpose_count);
    if (place->present)
        count +=
            text(place->name) + place->lat.present + place->lon.present + text(place->precision);
    if (handling->present)
        count += (int64_t)(handling->code_count + handling->audience_count) + text(handling->text) +
                 text(handling->tlp) + text(handling->pap) + text(handling->sharing_group);
    return count + (event->grading.present ? 3 : 0);
}

int64_t cw_bench_values(const struct cw_event *event)
{
    int64_t count = of_envelope(event);
    for (size_t i = 0; i < cw_event_part_count(event); i++)
        count += of_part(cw_event_part(event, i), i < event->party_count);
    for (size_t i = 0; event->detail != NULL && i < event->detail_type->field_count; i++) {
        const struct cw_value *value = &event->detail[i];
        bool list = event->detail_type->fields[i].type == CW_FIELD_STRINGS;
        if (value->present)
            count += list ? (int64_t)value->list.count : 1;
    }
    return count;
}
