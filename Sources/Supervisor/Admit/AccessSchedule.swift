internal import ServiceTable

/// `access_times`: pure, given the minute of the week.
enum AccessSchedule {
    /// - Parameter minute: Since Monday 00:00, local time.
    static func isOpen(_ times: [AccessTime], at minute: Int) -> Bool {
        times.isEmpty || times.contains { $0.isOpen(at: minute) }
    }
}

extension AccessTime {
    /// A span over midnight belongs to the day on which it begins.
    fileprivate func isOpen(at minute: Int) -> Bool {
        let (today, time) = minute.quotientAndRemainder(dividingBy: 24 * 60)
        if begin < end { return includes(today) && (begin..<end).contains(time) }
        return includes(today) && time >= begin || includes((today + 6) % 7) && time < end
    }

    private func includes(_ day: Int) -> Bool { days >> UInt8(day) & 1 == 1 }
}
