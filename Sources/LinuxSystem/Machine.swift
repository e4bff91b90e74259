internal import CLinux
internal import Glibc

/// What the kernel says of the machine as a whole.
package enum Machine {
    /// The load average of the last minute, in hundredths (sysinfo(2): no file is opened).
    package static func load() -> Int {
        baton_load_average()
    }

    /// The host's name (gethostname(2)); empty when there is none.
    package static var name: String {
        var bytes = [CChar](repeating: 0, count: Int(HOST_NAME_MAX) + 1)
        let room = bytes.count - 1
        guard unsafe gethostname(&bytes, room) == 0 else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension CurrentProcess {
    /// Lets go of what only the start needed: pages of code and constants, the libraries' too, and freed memory. The
    /// kernel maps 64 KiB around every first call, and they count as resident for as long as the process lives
    /// (madvise(2), MADV_DONTNEED). Costs a minor fault for each that is needed again. Only where there is one thread.
    package static func letCodeGo() {
        baton_let_code_go()
    }

    /// Gives memory back that was used for a while only: the allocator keeps what is free between pieces in use, as it
    /// is after a table was read. Takes a millisecond for each 10 MB or so.
    package static func letMemoryGo() {
        baton_let_memory_go()
    }
}

/// The clock on the wall, by the time zone of this machine (tzset(3)).
package enum LocalTime {
    /// Reads the time zone's file, once; it is not looked at again. `minuteOfWeek` does it by itself when nobody has.
    package static func prepare() {
        tzset()
    }

    /// Minutes since Monday 00:00.
    package static func minuteOfWeek(at seconds: Int64) -> Int {
        var time = time_t(seconds)
        var fields = unsafe tm()
        guard unsafe localtime_r(&time, &fields) != nil else { return 0 }
        let day = unsafe (Int(fields.tm_wday) + 6) % 7  // tm_wday begins with Sunday
        return unsafe (day * 24 + Int(fields.tm_hour)) * 60 + Int(fields.tm_min)
    }
}
