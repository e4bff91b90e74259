internal import CLinux
package import SystemPackage

/// The lowest numbers of the descriptor table, kept free for what children are to get: one that begins with a table that it
/// shares with us leaves it with those below `BATON_KEPT_NUMBERS` (close_range(2), CLOSE_RANGE_UNSHARE), and closes what is
/// not its own. So what a spawn costs does not grow with what is open here.
///
/// To be made before this process opens anything else.
package final class ReservedDescriptors {
    private let placeholder: DescriptorBox
    private let numbers: [DescriptorBox]

    /// Descriptors that one child gets: its connection, and where its words for the log go.
    package static let mostOfChild = 2

    /// - Throws: EMFILE, also when the low numbers are taken.
    package init(children: Int) throws(Errno) {
        let placeholder = try OwnedDescriptor.placeholder()
        var numbers: [DescriptorBox] = []
        for _ in 0..<children * Self.mostOfChild {
            let next = try placeholder.duplicate()
            guard next.rawValue < BATON_KEPT_NUMBERS else { throw .tooManyOpenFiles }
            numbers.append(DescriptorBox(next))
        }
        self.placeholder = DescriptorBox(placeholder)
        self.numbers = numbers
    }

    /// Puts descriptors, which stay the caller's, where the child `index` finds them.
    ///
    /// - Returns: What they are called there; nil when they are too many, or one is none.
    func put(_ descriptors: [FileDescriptor], forChild index: Int) -> [FileDescriptor]? {
        guard descriptors.count <= Self.mostOfChild else { return nil }
        var there: [FileDescriptor] = []
        for (descriptor, number) in zip(descriptors, ofChild(index)) {
            guard (try? number.become(descriptor)) != nil, let borrowed = number.borrowed else {
                clear(ofChild: index)
                return nil
            }
            there.append(borrowed)
        }
        return there
    }

    /// Lets go of the numbers: no child may be on its way that was to find something there, and none can get anything more.
    package func release() {
        for box in numbers + [placeholder] { _ = box.take() }
    }

    /// Closes what was put there, which must not be the last descriptor of a socket whose close may wait.
    func clear(ofChild index: Int) {
        guard let placeholder = placeholder.borrowed else { return }
        for number in ofChild(index) { try? number.become(placeholder) }
    }

    private func ofChild(_ index: Int) -> ArraySlice<DescriptorBox> {
        numbers[index * Self.mostOfChild..<(index + 1) * Self.mostOfChild]
    }
}
