internal import SystemPackage

/// Who keeps copies of descriptors for the supervisor that goes on when this one is killed: nobody who has the other end
/// notices that it was.
struct DescriptorKeeper {
    /// - Returns: Whether all of them are kept. What was kept under the number before is given up.
    let keep: (_ descriptors: [FileDescriptor], _ number: UInt64) -> Bool
    let giveUp: (_ number: UInt64) -> Void
}
