/*
 * countries.c - the shipped table: ISO 3166-1 (and Kosovo, as XK), the names that lists of the
 * United Nations and common usage give, and the states of the United States.
 */
#include "ingest/importers/countries.h"

#include <strings.h>

/* names: one or several, divided by '|' */
struct country {
    char alpha2[3];
    char alpha3[4];
    const char *names;
};
struct state {
    char code[3];
    const char *name;
};

/* clang-format off */
static const struct country countries[] = {
    { "AF", "AFG", "Afghanistan|Islamic Republic of Afghanistan" },
    { "AX", "ALA", "Åland Islands|Aland Islands" },
    { "AL", "ALB", "Albania" },
    { "DZ", "DZA", "Algeria" },
    { "AS", "ASM", "American Samoa" },
    { "AD", "AND", "Andorra" },
    { "AO", "AGO", "Angola" },
    { "AI", "AIA", "Anguilla" },
    { "AQ", "ATA", "Antarctica" },
    { "AG", "ATG", "Antigua and Barbuda" },
    { "AR", "ARG", "Argentina" },
    { "AM", "ARM", "Armenia" },
    { "AW", "ABW", "Aruba" },
    { "AU", "AUS", "Australia" },
    { "AT", "AUT", "Austria" },
    { "AZ", "AZE", "Azerbaijan" },
    { "BS", "BHS", "Bahamas|The Bahamas" },
    { "BH", "BHR", "Bahrain" },
    { "BD", "BGD", "Bangladesh" },
    { "BB", "BRB", "Barbados" },
    { "BY", "BLR", "Belarus" },
    { "BE", "BEL", "Belgium" },
    { "BZ", "BLZ", "Belize" },
    { "BJ", "BEN", "Benin" },
    { "BM", "BMU", "Bermuda" },
    { "BT", "BTN", "Bhutan" },
    { "BO", "BOL", "Bolivia|Bolivia (Plurinational State of)|Plurinational State of Bolivia" },
    { "BQ", "BES", "Bonaire, Sint Eustatius and Saba|Caribbean Netherlands" },
    { "BA", "BIH", "Bosnia and Herzegovina|Bosnia" },
    { "BW", "BWA", "Botswana" },
    { "BV", "BVT", "Bouvet Island" },
    { "BR", "BRA", "Brazil" },
    { "IO", "IOT", "British Indian Ocean Territory" },
    { "BN", "BRN", "Brunei Darussalam|Brunei" },
    { "BG", "BGR", "Bulgaria" },
    { "BF", "BFA", "Burkina Faso" },
    { "BI", "BDI", "Burundi" },
    { "CV", "CPV", "Cabo Verde|Cape Verde" },
    { "KH", "KHM", "Cambodia" },
    { "CM", "CMR", "Cameroon" },
    { "CA", "CAN", "Canada" },
    { "KY", "CYM", "Cayman Islands" },
    { "CF", "CAF", "Central African Republic" },
    { "TD", "TCD", "Chad" },
    { "CL", "CHL", "Chile" },
    { "CN", "CHN", "China|People's Republic of China" },
    { "CX", "CXR", "Christmas Island" },
    { "CC", "CCK", "Cocos (Keeling) Islands|Cocos Islands" },
    { "CO", "COL", "Colombia" },
    { "KM", "COM", "Comoros" },
    { "CG", "COG", "Congo|Republic of the Congo|Congo (Brazzaville)" },
    { "CD", "COD", "Democratic Republic of the Congo|Congo (Democratic Republic of the)|Congo, Democratic Republic of the|DR Congo" },
    { "CK", "COK", "Cook Islands" },
    { "CR", "CRI", "Costa Rica" },
    { "CI", "CIV", "Côte d'Ivoire|Côte d’Ivoire|Cote d'Ivoire|Ivory Coast" },
    { "HR", "HRV", "Croatia" },
    { "CU", "CUB", "Cuba" },
    { "CW", "CUW", "Curaçao|Curacao" },
    { "CY", "CYP", "Cyprus" },
    { "CZ", "CZE", "Czechia|Czech Republic" },
    { "DK", "DNK", "Denmark" },
    { "DJ", "DJI", "Djibouti" },
    { "DM", "DMA", "Dominica" },
    { "DO", "DOM", "Dominican Republic" },
    { "EC", "ECU", "Ecuador" },
    { "EG", "EGY", "Egypt" },
    { "SV", "SLV", "El Salvador" },
    { "GQ", "GNQ", "Equatorial Guinea" },
    { "ER", "ERI", "Eritrea" },
    { "EE", "EST", "Estonia" },
    { "SZ", "SWZ", "Eswatini|Swaziland" },
    { "ET", "ETH", "Ethiopia" },
    { "FK", "FLK", "Falkland Islands (Malvinas)|Falkland Islands" },
    { "FO", "FRO", "Faroe Islands" },
    { "FJ", "FJI", "Fiji" },
    { "FI", "FIN", "Finland" },
    { "FR", "FRA", "France" },
    { "GF", "GUF", "French Guiana" },
    { "PF", "PYF", "French Polynesia" },
    { "TF", "ATF", "French Southern Territories" },
    { "GA", "GAB", "Gabon" },
    { "GM", "GMB", "Gambia|The Gambia" },
    { "GE", "GEO", "Georgia" },
    { "DE", "DEU", "Germany|Federal Republic of Germany|D" },
    { "GH", "GHA", "Ghana" },
    { "GI", "GIB", "Gibraltar" },
    { "GR", "GRC", "Greece" },
    { "GL", "GRL", "Greenland" },
    { "GD", "GRD", "Grenada" },
    { "GP", "GLP", "Guadeloupe" },
    { "GU", "GUM", "Guam" },
    { "GT", "GTM", "Guatemala" },
    { "GG", "GGY", "Guernsey" },
    { "GN", "GIN", "Guinea" },
    { "GW", "GNB", "Guinea-Bissau|Guinea Bissau" },
    { "GY", "GUY", "Guyana" },
    { "HT", "HTI", "Haiti" },
    { "HM", "HMD", "Heard Island and McDonald Islands" },
    { "VA", "VAT", "Holy See|Vatican City" },
    { "HN", "HND", "Honduras" },
    { "HK", "HKG", "Hong Kong|China, Hong Kong Special Administrative Region|Hong Kong SAR" },
    { "HU", "HUN", "Hungary" },
    { "IS", "ISL", "Iceland" },
    { "IN", "IND", "India" },
    { "ID", "IDN", "Indonesia" },
    { "IR", "IRN", "Iran (Islamic Republic of)|Iran|Islamic Republic of Iran|Iran, Islamic Republic of" },
    { "IQ", "IRQ", "Iraq" },
    { "IE", "IRL", "Ireland" },
    { "IM", "IMN", "Isle of Man" },
    { "IL", "ISR", "Israel" },
    { "IT", "ITA", "Italy" },
    { "JM", "JAM", "Jamaica" },
    { "JP", "JPN", "Japan" },
    { "JE", "JEY", "Jersey" },
    { "JO", "JOR", "Jordan" },
    { "KZ", "KAZ", "Kazakhstan" },
    { "KE", "KEN", "Kenya" },
    { "KI", "KIR", "Kiribati" },
    { "KP", "PRK", "Democratic People's Republic of Korea|Democratic People’s Republic of Korea|Korea (Democratic People's Republic of)|North Korea|DPRK" },
    { "KR", "KOR", "Republic of Korea|Korea (Republic of)|Korea, Republic of|South Korea" },
    { "KW", "KWT", "Kuwait" },
    { "KG", "KGZ", "Kyrgyzstan" },
    { "LA", "LAO", "Lao People's Democratic Republic|Laos" },
    { "LV", "LVA", "Latvia" },
    { "LB", "LBN", "Lebanon" },
    { "LS", "LSO", "Lesotho" },
    { "LR", "LBR", "Liberia" },
    { "LY", "LBY", "Libya|State of Libya|Libyan Arab Jamahiriya" },
    { "LI", "LIE", "Liechtenstein" },
    { "LT", "LTU", "Lithuania" },
    { "LU", "LUX", "Luxembourg" },
    { "MO", "MAC", "Macao|Macau|China, Macao Special Administrative Region" },
    { "MG", "MDG", "Madagascar" },
    { "MW", "MWI", "Malawi" },
    { "MY", "MYS", "Malaysia" },
    { "MV", "MDV", "Maldives" },
    { "ML", "MLI", "Mali" },
    { "MT", "MLT", "Malta" },
    { "MH", "MHL", "Marshall Islands" },
    { "MQ", "MTQ", "Martinique" },
    { "MR", "MRT", "Mauritania" },
    { "MU", "MUS", "Mauritius" },
    { "YT", "MYT", "Mayotte" },
    { "MX", "MEX", "Mexico" },
    { "FM", "FSM", "Micronesia (Federated States of)|Micronesia" },
    { "MD", "MDA", "Republic of Moldova|Moldova|Moldova (the Republic of)" },
    { "MC", "MCO", "Monaco" },
    { "MN", "MNG", "Mongolia" },
    { "ME", "MNE", "Montenegro" },
    { "MS", "MSR", "Montserrat" },
    { "MA", "MAR", "Morocco" },
    { "MZ", "MOZ", "Mozambique" },
    { "MM", "MMR", "Myanmar|Burma" },
    { "NA", "NAM", "Namibia" },
    { "NR", "NRU", "Nauru" },
    { "NP", "NPL", "Nepal" },
    { "NL", "NLD", "Netherlands|The Netherlands|Netherlands (Kingdom of the)|Kingdom of the Netherlands|Holland" },
    { "NC", "NCL", "New Caledonia" },
    { "NZ", "NZL", "New Zealand" },
    { "NI", "NIC", "Nicaragua" },
    { "NE", "NER", "Niger" },
    { "NG", "NGA", "Nigeria" },
    { "NU", "NIU", "Niue" },
    { "NF", "NFK", "Norfolk Island" },
    { "MK", "MKD", "North Macedonia|The former Yugoslav Republic of Macedonia|Macedonia" },
    { "MP", "MNP", "Northern Mariana Islands" },
    { "NO", "NOR", "Norway" },
    { "OM", "OMN", "Oman" },
    { "PK", "PAK", "Pakistan" },
    { "PW", "PLW", "Palau" },
    { "PS", "PSE", "State of Palestine|Palestine|Palestine, State of|Occupied Palestinian Territory" },
    { "PA", "PAN", "Panama" },
    { "PG", "PNG", "Papua New Guinea" },
    { "PY", "PRY", "Paraguay" },
    { "PE", "PER", "Peru" },
    { "PH", "PHL", "Philippines|The Philippines" },
    { "PN", "PCN", "Pitcairn" },
    { "PL", "POL", "Poland" },
    { "PT", "PRT", "Portugal" },
    { "PR", "PRI", "Puerto Rico" },
    { "QA", "QAT", "Qatar" },
    { "RE", "REU", "Réunion|Reunion" },
    { "RO", "ROU", "Romania" },
    { "RU", "RUS", "Russian Federation|Russia" },
    { "RW", "RWA", "Rwanda" },
    { "BL", "BLM", "Saint Barthélemy|Saint Barthelemy" },
    { "SH", "SHN", "Saint Helena, Ascension and Tristan da Cunha|Saint Helena" },
    { "KN", "KNA", "Saint Kitts and Nevis" },
    { "LC", "LCA", "Saint Lucia" },
    { "MF", "MAF", "Saint Martin (French part)|Saint Martin" },
    { "PM", "SPM", "Saint Pierre and Miquelon" },
    { "VC", "VCT", "Saint Vincent and the Grenadines" },
    { "WS", "WSM", "Samoa" },
    { "SM", "SMR", "San Marino" },
    { "ST", "STP", "Sao Tome and Principe|São Tomé and Príncipe" },
    { "SA", "SAU", "Saudi Arabia|Kingdom of Saudi Arabia" },
    { "SN", "SEN", "Senegal" },
    { "RS", "SRB", "Serbia" },
    { "SC", "SYC", "Seychelles" },
    { "SL", "SLE", "Sierra Leone" },
    { "SG", "SGP", "Singapore" },
    { "SX", "SXM", "Sint Maarten (Dutch part)|Sint Maarten" },
    { "SK", "SVK", "Slovakia" },
    { "SI", "SVN", "Slovenia" },
    { "SB", "SLB", "Solomon Islands" },
    { "SO", "SOM", "Somalia" },
    { "ZA", "ZAF", "South Africa" },
    { "GS", "SGS", "South Georgia and the South Sandwich Islands" },
    { "SS", "SSD", "South Sudan" },
    { "ES", "ESP", "Spain" },
    { "LK", "LKA", "Sri Lanka" },
    { "SD", "SDN", "Sudan|The Sudan" },
    { "SR", "SUR", "Suriname" },
    { "SJ", "SJM", "Svalbard and Jan Mayen" },
    { "SE", "SWE", "Sweden" },
    { "CH", "CHE", "Switzerland" },
    { "SY", "SYR", "Syrian Arab Republic|Syria" },
    { "TW", "TWN", "Taiwan|Taiwan, Province of China" },
    { "TJ", "TJK", "Tajikistan" },
    { "TZ", "TZA", "United Republic of Tanzania|Tanzania|Tanzania, United Republic of" },
    { "TH", "THA", "Thailand" },
    { "TL", "TLS", "Timor-Leste|East Timor" },
    { "TG", "TGO", "Togo" },
    { "TK", "TKL", "Tokelau" },
    { "TO", "TON", "Tonga" },
    { "TT", "TTO", "Trinidad and Tobago" },
    { "TN", "TUN", "Tunisia" },
    { "TR", "TUR", "Türkiye|Turkey|Turkiye" },
    { "TM", "TKM", "Turkmenistan" },
    { "TC", "TCA", "Turks and Caicos Islands" },
    { "TV", "TUV", "Tuvalu" },
    { "UG", "UGA", "Uganda" },
    { "UA", "UKR", "Ukraine" },
    { "AE", "ARE", "United Arab Emirates|UAE" },
    { "GB", "GBR", "United Kingdom of Great Britain and Northern Ireland|United Kingdom|Great Britain|UK" },
    { "US", "USA", "United States of America|United States|U.S.A.|U.S." },
    { "UM", "UMI", "United States Minor Outlying Islands" },
    { "UY", "URY", "Uruguay" },
    { "UZ", "UZB", "Uzbekistan" },
    { "VU", "VUT", "Vanuatu" },
    { "VE", "VEN", "Venezuela (Bolivarian Republic of)|Venezuela" },
    { "VN", "VNM", "Viet Nam|Vietnam" },
    { "VG", "VGB", "British Virgin Islands|Virgin Islands (British)" },
    { "VI", "VIR", "United States Virgin Islands|Virgin Islands (U.S.)" },
    { "WF", "WLF", "Wallis and Futuna" },
    { "EH", "ESH", "Western Sahara" },
    { "YE", "YEM", "Yemen|Republic of Yemen" },
    { "ZM", "ZMB", "Zambia" },
    { "ZW", "ZWE", "Zimbabwe" },
    { "XK", "XKX", "Kosovo" },
};

static const struct state states[] = {
    { "AL", "Alabama" },
    { "AK", "Alaska" },
    { "AZ", "Arizona" },
    { "AR", "Arkansas" },
    { "CA", "California" },
    { "CO", "Colorado" },
    { "CT", "Connecticut" },
    { "DE", "Delaware" },
    { "DC", "District of Columbia" },
    { "FL", "Florida" },
    { "GA", "Georgia" },
    { "HI", "Hawaii" },
    { "ID", "Idaho" },
    { "IL", "Illinois" },
    { "IN", "Indiana" },
    { "IA", "Iowa" },
    { "KS", "Kansas" },
    { "KY", "Kentucky" },
    { "LA", "Louisiana" },
    { "ME", "Maine" },
    { "MD", "Maryland" },
    { "MA", "Massachusetts" },
    { "MI", "Michigan" },
    { "MN", "Minnesota" },
    { "MS", "Mississippi" },
    { "MO", "Missouri" },
    { "MT", "Montana" },
    { "NE", "Nebraska" },
    { "NV", "Nevada" },
    { "NH", "New Hampshire" },
    { "NJ", "New Jersey" },
    { "NM", "New Mexico" },
    { "NY", "New York" },
    { "NC", "North Carolina" },
    { "ND", "North Dakota" },
    { "OH", "Ohio" },
    { "OK", "Oklahoma" },
    { "OR", "Oregon" },
    { "PA", "Pennsylvania" },
    { "RI", "Rhode Island" },
    { "SC", "South Carolina" },
    { "SD", "South Dakota" },
    { "TN", "Tennessee" },
    { "TX", "Texas" },
    { "UT", "Utah" },
    { "VT", "Vermont" },
    { "VA", "Virginia" },
    { "WA", "Washington" },
    { "WV", "West Virginia" },
    { "WI", "Wisconsin" },
    { "WY", "Wyoming" },
    { "AS", "American Samoa" },
    { "GU", "Guam" },
    { "MP", "Northern Mariana Islands" },
    { "PR", "Puerto Rico" },
    { "VI", "Virgin Islands" },
};
/* clang-format on */

static cw_str trimmed(cw_str text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static bool same(cw_str text, const char *word, size_t len)
{
    return text.len == len && strncasecmp(text.ptr, word, len) == 0;
}

static bool among(cw_str text, const char *names)
{
    for (;;) {
        size_t len = strcspn(names, "|");
        if (same(text, names, len))
            return true;
        if (names[len] == '\0')
            return false;
        names += len + 1;
    }
}

const char *cw_country_by_name(cw_str text)
{
    text = trimmed(text);
    if (text.len == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
        const struct country *country = &countries[i];
        /* Codes in capitals only: "na" is how lists write "not available", not Namibia. */
        if (cw_str_is(text, country->alpha2) || cw_str_is(text, country->alpha3) ||
            among(text, country->names))
            return country->alpha2;
    }
    return NULL;
}

const char *cw_us_state_code(cw_str text)
{
    text = trimmed(text);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (same(text, states[i].code, 2) || same(text, states[i].name, strlen(states[i].name)))
            return states[i].code;
    }
    return NULL;
}
