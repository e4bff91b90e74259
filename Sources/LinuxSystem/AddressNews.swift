internal import CLinux
package import SystemPackage

/// The kernel's word on internet addresses that appear on this machine (rtnetlink(7)).
package struct AddressNews: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// Packets taken at a time. The kernel drops what it finds no room for and says so.
    private static let budget = 64

    package init() throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try SystemCall.value { baton_address_news() })
    }

    package var borrowed: FileDescriptor { descriptor.borrowed }

    /// Whether an address has appeared, or may have, since the last look. What it is does not matter: to bind is the
    /// only way to know whether one can.
    package borrowing func haveNew() -> Bool {
        var found = false
        for _ in 0..<Self.budget {
            do {
                let type = try SystemCall.value { baton_next_address_news(descriptor.rawValue) }
                if baton_is_new_address(type) != 0 { found = true }
            } catch .noBufferSpace {
                // News were dropped.
                found = true
            } catch {
                return found
            }
        }
        return found
    }
}
