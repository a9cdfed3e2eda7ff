#include "operators/runtime/time.h"

#include <inttypes.h>
#include <stdio.h>

/* Howard Hinnant's civil calendar algorithms (public domain), era by era of 400 years. */
int64_t cw_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = cw_floor_div(year, 400);
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void cw_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = cw_floor_div(days, 146097);
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp + (mp < 10 ? 3 : -9));
    *year = yoe + era * 400 + (*month <= 2);
}

bool cw_date_valid(int64_t year, int month, int day)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month - 1] + (month == 2 && leap);
}

void cw_time_format(int64_t micros, char out[CW_TIME_TEXT])
{
    if (micros == CW_TIME_MIN || micros == CW_TIME_MAX) {
        snprintf(out, CW_TIME_TEXT, "%s", micros == CW_TIME_MIN ? "-inf" : "+inf");
        return;
    }
    int64_t days = cw_floor_div(micros, CW_DAY);
    int64_t rest =
        micros % CW_DAY + (micros % CW_DAY < 0 ? CW_DAY : 0); /* days * CW_DAY may not fit */
    int64_t year;
    int month;
    int day;
    cw_civil_from_days(days, &year, &month, &day);
    int hour = (int)(rest / CW_HOUR);
    int minute = (int)(rest / CW_MINUTE % 60);
    int second = (int)(rest / CW_SECOND % 60);
    int fraction = (int)(rest % CW_SECOND);
    if (year >= 0 && year <= 9999 && fraction == 0) { /* nearly all, and most of an alert's line */
        const int parts[] = { (int)year / 100, (int)year % 100, month, day, hour, minute, second };
        memcpy(out, "....-..-..T..:..:..Z", 21);
        for (int i = 0, at = 0; i < 7; i++, at += i == 1 ? 2 : 3) {
            out[at] = (char)('0' + parts[i] / 10);
            out[at + 1] = (char)('0' + parts[i] % 10);
        }
        return;
    }
    int n = snprintf(out, CW_TIME_TEXT, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", year, month, day,
                     hour, minute, second);
    if (fraction != 0)
        n += snprintf(out + n, CW_TIME_TEXT - (size_t)n, ".%06d", fraction);
    snprintf(out + n, CW_TIME_TEXT - (size_t)n, "Z");
}

static bool digits(cw_str text, size_t at, size_t count, int64_t *out)
{
    int64_t value = 0;
    if (at + count > text.len)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = 10 * value + (text.ptr[i] - '0');
    }
    *out = value;
    return true;
}

static bool parse_offset(cw_str text, size_t at, int64_t *offset)
{
    if (at + 1 == text.len && (text.ptr[at] == 'Z' || text.ptr[at] == 'z')) {
        *offset = 0;
        return true;
    }
    int64_t hours;
    int64_t minutes;
    if (at + 6 != text.len || (text.ptr[at] != '+' && text.ptr[at] != '-') ||
        text.ptr[at + 3] != ':' || !digits(text, at + 1, 2, &hours) ||
        !digits(text, at + 4, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = (hours * CW_HOUR + minutes * CW_MINUTE) * (text.ptr[at] == '-' ? -1 : 1);
    return true;
}

bool cw_time_parse(cw_str text, int64_t *out)
{
    int64_t year;
    int64_t month;
    int64_t day;
    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day) ||
        text.ptr[4] != '-' || text.ptr[7] != '-' || !cw_date_valid(year, (int)month, (int)day))
        return false;
    int64_t micros = cw_days_from_civil(year, (int)month, (int)day) * CW_DAY;
    if (text.len == 10) {
        *out = micros;
        return true;
    }
    int64_t hour;
    int64_t minute;
    int64_t second;
    if ((text.ptr[10] != 'T' && text.ptr[10] != ' ' && text.ptr[10] != 't') ||
        !digits(text, 11, 2, &hour) || !digits(text, 14, 2, &minute) ||
        !digits(text, 17, 2, &second) || text.ptr[13] != ':' || text.ptr[16] != ':' || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    micros += hour * CW_HOUR + minute * CW_MINUTE + second * CW_SECOND;
    size_t at = 19;
    if (at < text.len && text.ptr[at] == '.') {
        int64_t unit = CW_SECOND / 10;
        int64_t first;
        if (!digits(text, at + 1, 1, &first))
            return false;
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, unit /= 10)
            micros += unit * (text.ptr[at] - '0');
    }
    int64_t offset;
    if (!parse_offset(text, at, &offset))
        return false;
    *out = micros - offset;
    return true;
}

bool cw_span_parse(cw_str text, int64_t *out)
{
    int64_t unit;
    if (text.len < 2 || text.len > 12)
        return false;
    switch (text.ptr[text.len - 1]) {
    case 's':
        unit = CW_SECOND;
        break;
    case 'm':
        unit = CW_MINUTE;
        break;
    case 'h':
        unit = CW_HOUR;
        break;
    case 'd':
        unit = CW_DAY;
        break;
    case 'w':
        unit = 7 * CW_DAY;
        break;
    default:
        return false;
    }
    int64_t count;
    if (!digits(text, 0, text.len - 1, &count))
        return false;
    const int64_t century = 36525 * CW_DAY;
    if (count > century / unit)
        return false;
    *out = count * unit;
    return true;
}
