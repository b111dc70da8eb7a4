/*
 * Records as text: each type that is known reads and writes as its standard says, and its data on
 * the wire is what the standard lays out.
 */
#include "names/dns_text.h"

#include "names/dns_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t storage_bytes[TORC__DNS_DATA_MAX + 256];

static bool parse(const char *line, torc__dns_record *record)
{
    torc__dns_bytes storage = { .bytes = storage_bytes, .size = sizeof storage_bytes };
    torc__dns_lexer lexer = { .rest = torc_slice_of(line) };

    return torc__dns_record_parse(&lexer, torc_slice_make("\7example\3org", 13), 60, &storage,
        record);
}

static void assert_written(const torc__dns_record *record, const char *text)
{
    char written[4096];
    torc__text_writer writer;

    torc__text_writer_init(&writer, written, sizeof written);
    torc__dns_record_text(record, &writer);
    torc__text_finish(&writer);
    assert_string_equal(written, text);
}

/* Each reads, and writes as it is; on the wire a few that standards give as examples are below. */
static const char *const lines[] = {
    "a.example. 1 IN A 192.0.2.1",
    "a.example. 1 IN NS ns.example.",
    "a.example. 1 IN MD b.example.",
    "a.example. 1 IN MF b.example.",
    "a.example. 0 IN CNAME b.example.",
    "a.example. 1 IN SOA ns.example. host\\.master.example. 2026112101 7200 3600 1209600 300",
    "a.example. 1 IN MB b.example.",
    "a.example. 1 IN MG b.example.",
    "a.example. 1 IN MR b.example.",
    "a.example. 1 IN NULL \\# 3 616200",
    "a.example. 1 IN WKS 10.0.0.1 6 25 80 110",
    "7.2.0.192.in-addr.arpa. 1 IN PTR a.example.",
    "a.example. 1 IN HINFO \"PDP-11\" \"UNIX \\\"7\\\"\"",
    "a.example. 1 IN MINFO b.example. .",
    "a.example. 1 IN MX 10 mail.example.",
    "a.example. 1 IN TXT \"v=spf1 -all\" \"\" \"\\000\\255\\\\\"",
    "a.example. 1 IN RP b.example. .",
    "a.example. 1 IN AFSDB 1 b.example.",
    "a.example. 1 IN X25 \"311061700956\"",
    "a.example. 1 IN ISDN \"150862028003217\" \"004\"",
    "a.example. 1 IN RT 2 b.example.",
    "a.example. 1 IN KEY 512 255 1 AQMFD5raczCJHViKtLYhWGz8hMY9UGRuniJDBzC7w0aR",
    "a.example. 1 IN PX 10 a.example. b.example.",
    "a.example. 1 IN AAAA 2001:db8::1",
    "_imap._tcp.a.example. 1 IN SRV 0 5 143 imap.example.",
    "a.example. 1 IN NAPTR 100 50 \"s\" \"http+I2L+I2C+I2R\" \"\" _http._tcp.gatech.edu.",
    "a.example. 1 IN KX 1 b.example.",
    "a.example. 1 IN CERT 1 2 8 AQIDBA==",
    "a.example. 1 IN A6 0 2001:db8::1",
    "a.example. 1 IN A6 64 ::1:0:0:2 b.example.",
    "a.example. 1 IN DNAME b.example.",
    "a.example. 1 IN DS 60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118",
    "a.example. 1 IN SSHFP 2 1 123456789abcdef67890123456789abcdef67890",
    "a.example. 1 IN RRSIG A 5 3 86400 20030322173103 20030220173103 2642 example. oJB1W6WN",
    "a.example. 1 IN NSEC host.example. A MX RRSIG NSEC TYPE1234",
    "a.example. 1 IN DNSKEY 256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3",
    "a.example. 1 IN DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
    "a.example. 1 IN NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA",
    "a.example. 1 IN NSEC3 1 1 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
    "a.example. 1 IN NSEC3PARAM 1 0 12 aabbccdd",
    "a.example. 1 IN NSEC3PARAM 1 0 0 -",
    "_443._tcp.a.example. 1 IN TLSA 3 1 1 0d6fce",
    "a.example. 1 IN SMIMEA 3 1 1 0d6fce",
    "a.example. 1 IN CDS 0 0 0 00",
    "a.example. 1 IN CDNSKEY 0 3 0 AA==",
    "a.example. 1 IN OPENPGPKEY AQID",
    "a.example. 1 IN CSYNC 66 3 A NS AAAA",
    "a.example. 1 IN ZONEMD 2018031500 1 1 fe",
    "a.example. 1 IN SVCB 0 foo.example.",
    "a.example. 1 IN SVCB 1 . port=53",
    "a.example. 1 IN HTTPS 1 foo. mandatory=alpn,ipv4hint alpn=\"h2,h3-19\" ipv4hint=192.0.2.1",
    "a.example. 1 IN SVCB 1 foo.example. ipv6hint=2001:db8::1,2001:db8::53:1",
    "a.example. 1 IN SVCB 1 foo.example. no-default-alpn ech=AQI= dohpath=\"/dns-query{?dns}\"",
    "a.example. 1 IN SVCB 16 foo.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
    "a.example. 1 IN SVCB 1 foo.example. key667=\"hello\\210qoo\"",
    "a.example. 1 IN SPF \"v=spf1 -all\"",
    "a.example. 1 ANY TKEY gss-tsig. 20030322173103 20030322173104 3 0 3 AQID 0",
    "a.example. 1 ANY TSIG hmac-md5.sig-alg.reg.int. 853804800 300 4 AQIDBA== 4660 0 0",
    "_ftp._tcp.a.example. 1 IN URI 10 1 \"ftp://ftp1.example.com/public\"",
    "a.example. 1 IN CAA 0 issue \"letsencrypt.org; x=\\\"y\\\"\"",
    "a.example. 1 IN CAA 128 \"un-known\" \"\"",
    "a.example. 1 IN DLV 1 2 3 ab",
    "a.example. 1 CH TYPE65280 \\# 4 0a000001",
    "a.example. 0 ANY A \\# 0",
    ". 5 CLASS300 TYPE731 \\# 0",
    "\\.\\@\\;\\032\\000x.example. 1 HS A 192.0.2.1",
};

static void each_type_is_written_as_it_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        torc__dns_record record;
        char type[TORC_RECORD_TYPE_TEXT_MAX];
        bool is_special;

        if (!parse(lines[i], &record))
            fail_msg("cannot read: %s", lines[i]);
        torc_record_type_text(record.type, type);
        /* Bit maps come in the order of the types' numbers, whatever order they are written in. */
        is_special = strstr(lines[i], "MX DNSKEY NS SOA") != NULL;
        if (!is_special)
            assert_written(&record, lines[i]);
        assert_true(strstr(lines[i], type) != NULL);
    }
}

static void data_is_laid_out_as_the_standards_say(void **state)
{
    static const struct {
        const char *line;
        torc_slice data;
    } cases[] = {
        { "a 1 IN MX 10 mail.example.org.",
            { "\0\12\4mail\7example\3org", 20 } },
        /* RFC 4034 4.3 */
        { "alfa.example.com. 86400 IN NSEC host.example.com. (A MX RRSIG NSEC TYPE1234)",
            { "\4host\7example\3com\0"
              "\0\6\x40\1\0\0\0\3"
              "\4\x1b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20", 55 } },
        /* RFC 9460 D.2 */
        { "example.com. SVCB 16 foo.example.com. port=53",
            { "\0\x10\3foo\7example\3com\0\0\3\0\2\0\x35", 25 } },
        { "example.com. SVCB 1 foo.example.com. key667=\"hello\\210qoo\"",
            { "\0\1\3foo\7example\3com\0\2\x9b\0\x9hello\xd2qoo", 32 } },
        { "example.com. SVCB 16 foo.example.org. (alpn=h2,h3-19 mandatory=ipv4hint,alpn"
          " ipv4hint=192.0.2.1)",
            { "\0\x10\3foo\7example\3org\0\0\0\0\4\0\1\0\4\0\1\0\x9\2h2\5h3-19\0\4\0\4\xc0\0\2\1",
                48 } },
        { "example.com. SVCB 16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
            { "\0\x10\3foo\7example\3org\0\0\1\0\xc\x08"
              "f\\oo,bar\2h2", 35 } },
        { "example.com. SVCB 16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2",
            { "\0\x10\3foo\7example\3org\0\0\1\0\xc\x08"
              "f\\oo,bar\2h2", 35 } },
        { "a CAA 0 issue \"ca\"", { "\0\5issueca", 9 } },
        { "a WKS 10.0.0.1 6 0 25", { "\x0a\0\0\1\6\x80\0\0\x40", 9 } },
        { "a A6 64 ::1:2 b.", { "\x40\0\0\0\0\0\1\0\2\1b\0", 12 } },
        { "a A \\# 4 C0 0002 01", { "\xc0\0\2\1", 4 } },
        { "a TXT abc d\\\"e", { "\3abc\3d\"e", 8 } },
        { "a RRSIG A 5 3 1 4294967295 0 2 . AA==",
            { "\0\1\5\3\0\0\0\1\xff\xff\xff\xff\0\0\0\0\0\2\0\0", 20 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        torc__dns_record record;

        if (!parse(cases[i].line, &record))
            fail_msg("cannot read: %s", cases[i].line);
        assert_int_equal(record.data.length, cases[i].data.length);
        assert_memory_equal(record.data.data, cases[i].data.data, record.data.length);
    }
}

static void what_is_no_record_is_refused(void **state)
{
    static const char *const cases[] = {
        "", "a", "a 1", "a 1 IN", "a 1 IN A", "a 1 IN A 1.2.3", "a 1 IN A 1.2.3.4 5", "a A ::1",
        "a AAAA 1.2.3.4", "a AAAA fe80::1%1", "a A \"1.2.3.4\"", "a 2147483648 IN A 1.2.3.4",
        "a..b A 1.2.3.4", ".a A 1.2.3.4", "a TXT", "a TXT \"x", "a TXT \\256", "a TXT \\25",
        "a MX 65536 b", "a MX -1 b", "a MX b", "a CNAME", "a DS 1 2 3 abc", "a DS 1 2 3 xy",
        "a CERT 1 2 3 AB==", "a CERT 1 2 3 A===", "a CERT 1 2 3 AAA", "a NSEC3PARAM 1 0 0 a",
        "a NSEC b A NOSUCHTYPE", "a SVCB 1 . port=1 port=2", "a SVCB 1 . port=65536",
        "a SVCB 1 . port", "a SVCB 1 . ipv4hint=::1", "a SVCB 1 . alpn=", "a SVCB 1 . alpn=a,,b",
        "a SVCB 1 . no-default-alpn=x", "a SVCB 1 . mandatory=mandatory", "a SVCB 1 . nosuchkey=1",
        "a SVCB 1 . mandatory=port,port", "a SVCB 1 . ech=AAA", "a A \\# 3 010203",
        "a A \\# 4 010203", "a TYPE731 abc", "a TYPE70000 \\# 0",
        "a RRSIG A 5 3 1 20269921103000 0 2 . ",
        "a MX 1 (b", "a A6 129 ::1 b", "a A6 8 ::1", "a A6 0 ::1 b", "a WKS 1.2.3.4 6 65536",
        "a TXT "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        torc__dns_record record;

        if (parse(cases[i], &record))
            fail_msg("was read: %s", cases[i]);
    }
}

static void a_name_without_a_final_dot_is_within_the_origin(void **state)
{
    torc__dns_record record;

    (void)state;
    assert_true(parse("www IN 5 MX 1 @ ; a comment", &record));
    assert_written(&record, "www.example.org. 5 IN MX 1 example.org.");
    assert_true(parse("@ MX (1 ; more\n mail\n)", &record));
    assert_written(&record, "example.org. 60 IN MX 1 mail.example.org.");
}

static void lines_are_read_one_after_the_other(void **state)
{
    torc__dns_bytes storage = { .bytes = storage_bytes, .size = sizeof storage_bytes };
    torc__dns_lexer lexer = { .rest = TORC_SLICE("bad\nb A 192.0.2.2 ; last\n") };
    torc__dns_record record;

    (void)state;
    assert_false(torc__dns_record_parse(&lexer, TORC_SLICE(""), 0, &storage, &record));
    assert_true(torc__dns_next_line(&lexer));
    assert_true(torc__dns_record_parse(&lexer, TORC_SLICE(""), 0, &storage, &record));
    assert_written(&record, "b. 0 IN A 192.0.2.2");
    assert_false(torc__dns_next_line(&lexer));
}

/* -- however it is damaged ----------------------------------------------------------------- */

/* What was read is data of its type, and reads the same when it is written again. */
static void assert_sound(const torc__dns_record *record, const char *line)
{
    static uint8_t again_bytes[sizeof storage_bytes];
    torc__dns_bytes storage = { .bytes = again_bytes, .size = sizeof again_bytes };
    char written[8192];
    torc__dns_lexer lexer = { .rest = { written, 0 } };
    torc__dns_record again;
    torc__text_writer writer;

    if (!torc__dns_data_is_valid(record->type, record->data))
        fail_msg("was read, but is not valid: %s", line);
    torc__text_writer_init(&writer, written, sizeof written);
    torc__dns_record_text(record, &writer);
    lexer.rest.length = torc__text_finish(&writer);
    if (!torc__dns_record_parse(&lexer, torc_slice_make(NULL, 0), 0, &storage, &again))
        fail_msg("'%s' was written as what cannot be read: %s", line, written);
    if (again.data.length != record->data.length ||
        memcmp(again.data.data, record->data.data, again.data.length) != 0)
        fail_msg("'%s' was written as another: %s", line, written);
}

static void read_damaged(const char *line)
{
    torc__dns_record record;

    if (parse(line, &record))
        assert_sound(&record, line);
}

/* The line with what is at `start` for `length` bytes put as `other`. */
static void read_with(const char *line, size_t start, size_t length, const char *other)
{
    char text[1024];

    snprintf(text, sizeof text, "%.*s%s%s", (int)start, line, other, line + start + length);
    read_damaged(text);
}

static void a_word_that_is_missing_or_another_gives_a_record_or_none(void **state)
{
    static const char *const others[] = {
        "", "\"\"", "\"1\"", "0", "1", "255", "256", "65536", "4294967296", "-", "?", ".", "a..b",
        "::1", "1.2.3.4", "AAAA", "a=", "key9=\"x", "\\", "\\1", "\\# 0", "\\# 1 00", "(", ")",
        "20269921103000", "19691231235959", "20260101250000", "2026010100000", "AB==", "00",
        "00 0", "port=1", "alpn=\\", "mandatory=port", "ipv6hint=::1%1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (size_t start = 0; start < strlen(lines[i]); start++) {
            size_t length = strcspn(lines[i] + start, " ");

            if (start > 0 && lines[i][start - 1] != ' ')
                continue;
            for (size_t other = 0; other < sizeof others / sizeof others[0]; other++)
                read_with(lines[i], start, length, others[other]);
        }
}

static void a_line_that_breaks_off_gives_a_record_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (size_t length = 0; length < strlen(lines[i]); length++)
            read_with(lines[i], length, strlen(lines[i]) - length, "");
}

static void damaged_data_is_refused_or_is_another_record_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        torc__dns_record record;
        torc_slice data;

        assert_true(parse(lines[i], &record));
        data = record.data;
        for (size_t length = 0; length < data.length; length++) {
            record.data = torc_slice_first(data, length);
            if (torc__dns_data_is_valid(record.type, record.data))
                assert_sound(&record, lines[i]);
        }
        record.data = data;
        for (size_t at = 0; at < data.length; at++)
            for (unsigned flip = 1; flip < 256; flip = flip * 2 + 1) {
                storage_bytes[(const uint8_t *)data.data - storage_bytes + (ptrdiff_t)at] ^=
                    (uint8_t)flip;
                if (torc__dns_data_is_valid(record.type, record.data))
                    assert_sound(&record, lines[i]);
                storage_bytes[(const uint8_t *)data.data - storage_bytes + (ptrdiff_t)at] ^=
                    (uint8_t)flip;
            }
    }
}

static void what_does_not_fit_is_refused_and_nothing_is_written_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        torc__dns_record record;
        size_t size = 0;
        bool fits = false;

        while (!fits) {
            char *bytes = malloc(++size);
            torc__dns_bytes storage = { .bytes = (uint8_t *)bytes, .size = size };
            torc__dns_lexer lexer = { .rest = torc_slice_of(lines[i]) };

            assert_non_null(bytes);
            fits = torc__dns_record_parse(
                &lexer, torc_slice_make(NULL, 0), 60, &storage, &record);
            free(bytes);
            assert_true(size < 2000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_written_as_it_is_read),
        cmocka_unit_test(data_is_laid_out_as_the_standards_say),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_name_without_a_final_dot_is_within_the_origin),
        cmocka_unit_test(lines_are_read_one_after_the_other),
        cmocka_unit_test(a_word_that_is_missing_or_another_gives_a_record_or_none),
        cmocka_unit_test(a_line_that_breaks_off_gives_a_record_or_none),
        cmocka_unit_test(damaged_data_is_refused_or_is_another_record_s),
        cmocka_unit_test(what_does_not_fit_is_refused_and_nothing_is_written_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
