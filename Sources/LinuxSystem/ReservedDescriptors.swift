internal import CLinux
package import SystemPackage

/// The lowest numbers of the descriptor table, kept for what children are to get: one that begins with a table that it shares
/// with us leaves it with those below `BATON_KEPT_NUMBERS` (close_range(2), CLOSE_RANGE_UNSHARE), and closes what is not its
/// own. So what a spawn costs does not grow with what is open here, but with how many of these numbers are taken.
///
/// To be made before this process opens anything else.
package final class ReservedDescriptors {
    private let placeholder: DescriptorBox
    private let numbers: [DescriptorBox]
    /// Of the numbers, by bits: those that no child has.
    private var free: UInt32
    /// Those that each child has.
    private var taken: [UInt32]
    private var rest: [DescriptorBox] = []

    /// For what has a higher number by itself: of most children where their words for the log go, of some their connection.
    private static let count = 16

    /// - Throws: EMFILE, also when the low numbers are taken.
    package init(children: Int) throws(Errno) {
        let placeholder = try OwnedDescriptor.placeholder()
        var numbers: [DescriptorBox] = []
        while numbers.count < Self.count {
            let next = try placeholder.duplicate()
            guard next.rawValue < BATON_KEPT_NUMBERS else { throw .tooManyOpenFiles }
            numbers.append(DescriptorBox(next))
        }
        self.placeholder = DescriptorBox(placeholder)
        self.numbers = numbers
        free = (1 << UInt32(Self.count)) - 1
        taken = Array(repeating: 0, count: children)
    }

    /// Takes all low numbers until `settle`, so that what is opened to stay gets higher ones.
    package func takeRest() {
        while let next = try? placeholder.borrowed?.duplicate(), next.rawValue < BATON_KEPT_NUMBERS {
            rest.append(DescriptorBox(next))
        }
    }

    /// What stays has its numbers: the low ones are for connections from now on.
    package func settle() {
        for box in rest { _ = box.take() }
        rest = []
    }

    /// Puts a descriptor, which stays the caller's and open until it has its program, where the child `index` finds it.
    ///
    /// - Returns: What it is called there; nil when they are too many, or it is none.
    func put(_ descriptor: FileDescriptor, forChild index: Int) -> FileDescriptor? {
        guard descriptor.rawValue >= BATON_KEPT_NUMBERS else { return descriptor }
        guard let number = takeNumber(forChild: index), (try? number.become(descriptor)) != nil else { return nil }
        return number.borrowed
    }

    private func takeNumber(forChild index: Int) -> DescriptorBox? {
        guard free != 0 else { return nil }
        let place = free.trailingZeroBitCount
        free &= ~(1 << UInt32(place))
        taken[index] |= 1 << UInt32(place)
        return numbers[place]
    }

    /// Lets go of the numbers: no child may be on its way that was to find something there, and none can get anything more.
    package func release() {
        settle()
        for box in numbers + [placeholder] { _ = box.take() }
    }

    /// Closes what was put there, which must not be the last descriptor of a socket whose close may wait.
    func clear(ofChild index: Int) {
        guard taken[index] != 0, let placeholder = placeholder.borrowed else { return }
        for (place, number) in numbers.enumerated() where taken[index] & 1 << UInt32(place) != 0 {
            try? number.become(placeholder)
        }
        free |= taken[index]
        taken[index] = 0
    }
}
