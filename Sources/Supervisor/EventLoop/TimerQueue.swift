internal import HeapModule

/// Names a scheduled action.
struct TimerID: Hashable {
    fileprivate let number: UInt64
}

/// Actions by time. Cancelled ones stay in the heap until their time, or until they outnumber the rest.
struct TimerQueue {
    private var heap: Heap<Entry> = []
    private var actions: [UInt64: (time: Duration, run: () -> Void)] = [:]
    private var nextNumber: UInt64 = 1
    /// `next`, where it is known.
    private var earliest: Duration??

    private struct Entry: Comparable {
        let time: Duration
        let number: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.number) < (right.time, right.number)
        }
    }

    mutating func insert(at time: Duration, _ action: @escaping () -> Void) -> TimerID {
        let number = nextNumber
        nextNumber += 1
        earliest = nil
        heap.insert(Entry(time: time, number: number))
        actions[number] = (time, action)
        return TimerID(number: number)
    }

    mutating func remove(_ id: TimerID) {
        actions[id.number] = nil
        earliest = nil
        if heap.count > 64, heap.count > 2 * actions.count {
            heap = Heap(heap.unordered.filter { actions[$0.number] != nil })
        }
    }

    /// When an action is due; nil once it was taken out.
    func time(of id: TimerID) -> Duration? { actions[id.number]?.time }

    /// The earliest time at which there is something to do.
    var next: Duration? {
        mutating get {
            if let earliest { return earliest }
            while let first = heap.min, actions[first.number] == nil { heap.removeMin() }
            let time = heap.min?.time
            earliest = .some(time)
            return time
        }
    }

    /// Takes out one action whose time has come.
    mutating func expired(at now: Duration) -> (() -> Void)? {
        while let first = heap.min, first.time <= now {
            heap.removeMin()
            earliest = nil
            if let action = actions.removeValue(forKey: first.number) { return action.run }
        }
        return nil
    }
}
