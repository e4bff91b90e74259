internal import CLinux
package import SystemPackage

/// Spawns that are under way beside this process, each in a place of a report page.
///
/// No handler of a signal may run in this process: it has none, or has blocked all. It waits for none that has executed its
/// program.
///
/// Safe although it holds pointers: a slot stays where it is and is never given back, nor is its place on the pages, for its
/// child may outlive us.
@safe
package struct SpawnSlots: ~Copyable {
    /// What it goes by.
    private let page: SpawnReportPage
    /// What others see of it.
    private let shown: SpawnReportPage
    /// What is not at its default in this process and must be in the children.
    package var dispositions: SignalDispositions
    private let flags: UInt32
    /// Where children find their descriptors, if they begin with our table.
    private let reserved: ReservedDescriptors?
    private let slots: [OpaquePointer]
    /// Places of those under way, the oldest first.
    private var underWay: [Int] = []
    /// Of those, the ones that were waited for in vain.
    private var slow: Set<Int> = []
    /// Those that nobody wants to hear of any more; their places are taken all the same.
    private var lost: [Int] = []

    /// - Parameters:
    ///   - page: A place whose child seems to be gone is used again, with the memory and the stack that the child is on: no
    ///     process that is not trusted may write to it.
    ///   - shown: A copy of it for those who watch; they may do with it what they like.
    ///   - dispositions: What is not at its default in this process and must be in the children.
    ///   - reserved: For as many children; they begin with our table of descriptors. Nil: with a copy of it.
    ///   - asSiblings: They are our parent's children, not ours (CLONE_PARENT).
    package init(
        _ page: SpawnReportPage, shownOn shown: SpawnReportPage, dispositions: SignalDispositions,
        reserved: ReservedDescriptors? = nil, asSiblings: Bool
    ) throws(Errno) {
        precondition(page.count == shown.count)
        flags =
            BATON_SPAWN_KEEPS_SIGNAL_MASK | (asSiblings ? BATON_SPAWN_SIBLING : 0)
            | (reserved == nil ? 0 : BATON_SPAWN_SHARES_DESCRIPTORS)
        self.reserved = reserved
        self.page = page
        self.shown = shown
        self.dispositions = dispositions
        var slots: [OpaquePointer] = unsafe []
        for _ in 0..<page.count {
            guard let slot = unsafe baton_spawn_slot_create() else { throw .noMemory }
            unsafe slots.append(slot)
        }
        unsafe self.slots = unsafe slots
        for each in [page, shown] { _ = unsafe Unmanaged.passRetained(each) }
    }

    package var isEmpty: Bool { underWay.isEmpty }
    package var isFull: Bool { underWay.count + lost.count == page.count }

    /// Begins a spawn in a place that is free. What it is told is copied; descriptors may be closed.
    ///
    /// - Parameters:
    ///   - bytes: What the image was read from, up to `count`.
    ///   - descriptors: What the image's `.passed` ones stand for.
    /// - Returns: False when the image names a descriptor that is none, or there are more than a child can get, and nothing was
    ///   begun.
    package mutating func begin(
        _ image: inout SpawnImage, in bytes: [UInt8], count: Int, passing descriptors: [FileDescriptor], job: UInt64
    ) -> Bool {
        assert(reserved == nil)
        guard image.find(descriptors), let place = freePlace else { return false }
        image.plan.job = job
        image.plan.reset_signals = dispositions.notDefault
        image.plan.flags |= flags
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe baton_spawn_begin(
                slots[place], page.place(place), shown.place(place), &image.plan,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count,
                image.strings, image.descriptors, image.limits, image.groups, image.processors, baton_spawn_more())
        }
        underWay.append(place)
        return true
    }

    /// The same for a start that is not laid out yet, and has no files: most of it is the same each time.
    ///
    /// - Parameter openFiles: RLIMIT_NOFILE of what the plan sets none for; always the same in one process.
    package mutating func begin(
        _ start: SpawnStart, openFiles: ResourceLimits.Pair, passing boxes: [DescriptorBox], job: UInt64
    ) -> Bool {
        guard let layout = start.template.layout(openFiles), let place = freePlace else { return false }
        var plan = layout.image.plan
        plan.job = job
        let isBegun = unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: boxes.count) { numbers in
            unsafe withUnsafeTemporaryAllocation(
                of: baton_spawn_descriptor.self, capacity: start.descriptors.count
            ) { wanted in
                guard unsafe find(boxes, forChild: place, numbers), unsafe start.find(numbers, wanted),
                    let more = start.more(&plan, behind: layout.bytes.count)
                else { return false }
                unsafe begin(place, &plan, layout, wanted, more)
                return true
            }
        }
        if isBegun { underWay.append(place) } else { reserved?.clear(ofChild: place) }
        return isBegun
    }

    /// Where the child finds what is passed.
    private func find(
        _ boxes: [DescriptorBox], forChild place: Int, _ numbers: UnsafeMutableBufferPointer<Int32>
    ) -> Bool {
        for index in boxes.indices {
            guard let descriptor = boxes[index].borrowed,
                let there = reserved == nil ? descriptor : reserved?.put(descriptor, forChild: place)
            else { return false }
            unsafe numbers.initializeElement(at: index, to: there.rawValue)
        }
        return true
    }

    private func begin(
        _ place: Int, _ plan: inout baton_spawn_plan, _ layout: SpawnTemplate.Layout,
        _ descriptors: UnsafeMutableBufferPointer<baton_spawn_descriptor>, _ more: EnvironmentBlock
    ) {
        plan.reset_signals = dispositions.notDefault
        plan.flags |= flags
        unsafe more.bytes.withUnsafeBytes { bytes in
            unsafe baton_spawn_begin(
                slots[place], page.place(place), shown.place(place), &plan, layout.bytes, layout.bytes.count,
                layout.image.strings, descriptors.baseAddress, layout.image.limits, layout.image.groups,
                layout.image.processors,
                baton_spawn_more(
                    bytes: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), length: bytes.count,
                    count: UInt32(more.count)))
        }
    }

    private var freePlace: Int? {
        (0..<page.count).first { !underWay.contains($0) && !lost.contains($0) }
    }

    /// How far the spawn of a job that is under way has come.
    package func snapshot(ofJob number: UInt64) -> SpawnReportPage.Snapshot? {
        place(ofJob: number).map { page.snapshot($0) }
    }

    /// Its child was killed: what it was to get is not held for it any longer.
    package func letGo(ofJob number: UInt64) {
        place(ofJob: number).map { reserved?.clear(ofChild: $0) }
    }

    /// Even so it does not end: it is not told of any more.
    package mutating func giveUp(job number: UInt64) {
        guard let place = place(ofJob: number) else { return }
        underWay.removeAll { $0 == place }
        slow.remove(place)
        lost.append(place)
    }

    private func place(ofJob number: UInt64) -> Int? {
        underWay.first { page.snapshot($0).job == number }
    }

    /// How many of them have been waited for in vain: they hang, or take long.
    package var slowCount: Int { slow.count }

    /// One that has executed its program or ended, and has not been told of; the oldest first.
    package mutating func nextFinished() -> LaunchReply? {
        if !lost.isEmpty { lost.removeAll { [page] in !page.snapshot($0).isUnderWay } }
        guard let index = underWay.firstIndex(where: { !page.isUnderWay($0) }) else { return nil }
        let place = underWay.remove(at: index)
        let now = page.snapshot(place)
        reserved?.clear(ofChild: place)
        unsafe baton_spawn_show_end(shown.place(place))
        if !slow.isEmpty { slow.remove(place) }
        return LaunchReply(number: now.job, outcome: now.outcome)
    }

    /// Waits until one that is likely to finish is no longer under way, for a while at most.
    ///
    /// - Returns: False when all that are under way have been waited for already: they hang, or take long.
    package mutating func wait() -> Bool {
        guard let place = underWay.first(where: { !slow.contains($0) }) else { return false }
        guard page.isUnderWay(place) else { return true }
        unsafe baton_spawn_wait(page.place(place), Self.patience)
        if page.isUnderWay(place) { slow.insert(place) }
        return true
    }

    /// Nanoseconds. From clone to exec takes a fiftieth of it.
    private static let patience = 5_000_000
}
