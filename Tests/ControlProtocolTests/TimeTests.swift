import Testing

@testable import ControlProtocol

@Suite("Times")
struct TimeTests {
    @Test(
        "a moment is written as RFC 3339 in UTC, and read back",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_799, "2000-02-29T23:59:59.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"), (1_795_477_201, "2026-11-23T23:40:01.000Z"),
            (-62_135_596_800, "0001-01-01T00:00:00.000Z"), (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] as [(Int64, String)])
    func civil(seconds: Int64, text: String) {
        #expect(Timestamp(seconds: seconds).description == text)
        #expect(Timestamp(text) == Timestamp(seconds: seconds))
    }

    @Test("every day of four centuries follows the one before")
    func everyDay() {
        for day in Int64(-10_000)..<136_097 {
            let time = Timestamp(seconds: day * 86_400 + 43_200)
            #expect(Timestamp(time.description) == time)
        }
    }

    @Test("a fraction is read to the nanosecond")
    func fraction() {
        #expect(Timestamp("1970-01-01T00:00:01Z") == Timestamp(seconds: 1))
        #expect(Timestamp("1970-01-01T00:00:01.5Z") == Timestamp(seconds: 1, nanoseconds: 500_000_000))
        #expect(Timestamp("1970-01-01T00:00:01.123456789Z") == Timestamp(seconds: 1, nanoseconds: 123_456_789))
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-02-30T00:00:00Z",
            "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00,5Z", "1970-01-01T00:00:00+01:00", "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.1234567890Z", "1970-01-01T00:00:0éZ",
        ])
    func refused(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(
        "durations are read as the table writes them",
        arguments: [
            ("100ms", .milliseconds(100)), ("5s", .seconds(5)), ("2m", .seconds(120)), ("1h30m", .seconds(5400)),
            ("0s", .zero), ("1h1m1s1ms", .milliseconds(3_661_001)), ("", nil), ("5", nil), ("s", nil), ("5 s", nil),
            ("-5s", nil), ("1.5s", nil), ("30m1h", nil), ("1s1s", nil), ("1x", nil), ("99999999999h", nil),
            ("9999999999999999999999s", nil), ("5S", nil), ("5ss", nil),
        ] as [(String, Duration?)])
    func durations(text: String, duration: Duration?) {
        #expect(Duration(text: text) == duration)
    }

    @Test(
        "durations are short for people",
        arguments: [
            (.milliseconds(0), "0ms"), (.milliseconds(340), "340ms"), (.milliseconds(1250), "1.2s"),
            (.seconds(42), "42s"),
            (.seconds(200), "3m20s"), (.seconds(18_120), "5h2m"), (.seconds(273_600), "3d4h"),
        ] as [(Duration, String)])
    func brief(duration: Duration, text: String) {
        #expect(duration.brief == text)
    }
}
