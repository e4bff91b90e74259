internal import CLinux
package import SystemPackage

/// Starts processes: clone(CLONE_VM | CLONE_VFORK), so that the cost does not grow with the parent's memory.
///
/// The calling thread waits until the child has executed its program or failed.
package enum Spawn {
    /// Whether children can go to their programs beside their parent on this machine (CLinux/raw_call.h).
    package static var runsBeside: Bool { baton_spawn_runs_beside() != 0 }

    /// Whether a child can leave the table of descriptors that it shares with us without harm: not before Linux 5.9, and not
    /// before August 2024 (CVE-2024-45025). Tried with two processes.
    ///
    /// - Returns: Nil when there are none to be had.
    package static func canLeaveSharedTable() -> Bool? {
        let answer = baton_shared_table_can_be_left()
        return answer < 0 ? nil : answer != 0
    }

    /// - Parameters:
    ///   - passing: What the plan's `.passed` descriptors stand for; the caller keeps its own.
    ///   - asSibling: The child becomes the caller's parent's (CLONE_PARENT), which then collects it, failed or
    ///     not. Otherwise a failed child is collected here.
    ///   - job: Stands in the report while the spawn is under way.
    ///   - dispositions: What is not at its default in this process and must be in the child.
    package static func start(
        _ plan: SpawnPlan, passing descriptors: [FileDescriptor] = [], asSibling: Bool = false, job: UInt64 = 0,
        report: SpawnReportPage, dispositions: SignalDispositions = .ofThisProcess()
    ) -> SpawnOutcome {
        var bytes: [UInt8] = []
        do {
            try plan.encode(into: &bytes)
        } catch {
            return .failed(pid: nil, stage: .prepare, error: error)
        }
        guard var image = SpawnImage(decoding: bytes, from: 0, to: bytes.count) else {
            return .failed(pid: nil, stage: .prepare, error: .invalidArgument)
        }
        return start(
            &image, in: &bytes, passing: descriptors, asSibling: asSibling, job: job, report: report,
            dispositions: dispositions)
    }

    /// As above, with an image and the bytes that it was read from; both are used up.
    private static func start(
        _ image: inout SpawnImage, in bytes: inout [UInt8], passing descriptors: [FileDescriptor], asSibling: Bool,
        job: UInt64, report: SpawnReportPage, dispositions: SignalDispositions
    ) -> SpawnOutcome {
        guard image.find(descriptors) else { return .failed(pid: nil, stage: .prepare, error: .invalidArgument) }
        image.plan.job = job
        image.plan.reset_signals = dispositions.notDefault
        if asSibling { image.plan.flags |= BATON_SPAWN_SIBLING }
        var vectors = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: image.strings.count + 2)
        unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe baton_spawn(
                &image.plan, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), image.strings, &vectors,
                &image.descriptors, image.limits, image.groups, image.processors, report.place(0))
        }
        return report.snapshot().outcome
    }

    /// Closes sockets without waiting for their SO_LINGER: a child holds them until we have closed them and then ends,
    /// and what is closed by exit lingers in the background (socket(7)).
    ///
    /// - Parameters:
    ///   - gate: The child ends only when nobody has the other end of this any more: until then somebody else is about
    ///     to close copies, none of which must be the last. It stays the caller's.
    ///   - asSibling: It is a child of this process's parent.
    /// - Returns: The child; nil where there can be none now (EAGAIN, EMFILE): the sockets are still in their boxes.
    package static func closeByExit(
        _ sockets: [DescriptorBox], gate: FileDescriptor? = nil, asSibling: Bool = true
    ) -> Int32? {
        let gate = gate?.rawValue ?? -1
        return unsafe close(sockets) { unsafe baton_close_by_exit($0, $1, gate, asSibling ? 1 : 0) }
    }

    /// Closes files in a child that shares our table of descriptors, so that only the child waits for a file
    /// system that does not answer. Every close of a file may ask its file system, not just the last one.
    ///
    /// - Returns: The child, to be collected; nil where there can be none now, as above.
    package static func closeInChild(_ files: [DescriptorBox]) -> Int32? {
        unsafe close(files) { unsafe baton_close_in_child($0, $1) }
    }

    /// Lets a child read on where others write, and forget it, until nobody can write there any more: who writes to a stream
    /// that nobody has would be killed (SIGPIPE). For the end of this process: the child may outlive it by long, and has
    /// nothing of it but these.
    package static func readOn(_ ends: [FileDescriptor]) {
        let numbers = ends.map(\.rawValue).sorted()
        _ = unsafe numbers.withUnsafeBufferPointer { unsafe baton_read_on($0.baseAddress, $0.count) }
    }

    private static func close(
        _ boxes: [DescriptorBox], _ call: (UnsafePointer<Int32>?, Int) -> Int32
    ) -> Int32? {
        let numbers = boxes.compactMap(\.borrowed?.rawValue)
        let pid = try? SystemCall.value {
            unsafe numbers.withUnsafeBufferPointer { unsafe call($0.baseAddress, $0.count) }
        }
        guard let pid else { return nil }
        for box in boxes { _ = box.take()?.release() }
        return pid
    }
}

/// Signals that are ignored or handled in this process. A handler does not survive exec, being ignored does.
package struct SignalDispositions: Hashable, Sendable {
    /// Bit n − 1 stands for signal n.
    let notDefault: UInt64

    package static func ofThisProcess() -> SignalDispositions {
        SignalDispositions(notDefault: baton_signals_not_default())
    }

    /// Sets all of them to the default, for a process that spawns often: its children then need no resetting.
    package static func reset() -> SignalDispositions {
        baton_signals_reset(baton_signals_not_default())
        return ofThisProcess()
    }
}

extension SpawnImage {
    /// Puts descriptors in the places that name them by index; false when there is one that is none.
    mutating func find(_ passed: [FileDescriptor]) -> Bool {
        for index in descriptors.indices where descriptors[index].source >= 0 {
            let place = Int(descriptors[index].source)
            guard place < passed.count else { return false }
            descriptors[index].source = passed[place].rawValue
        }
        return descriptors.allSatisfy { $0.source >= BATON_SOURCE_FILE }
    }
}
