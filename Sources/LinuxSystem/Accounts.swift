internal import CLinux
internal import Glibc

/// A user as the name service knows it (passwd(5)).
package struct UserAccount: Hashable, Sendable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    package var home: String
    package var shell: String

    package init(name: String, uid: UInt32, gid: UInt32, home: String, shell: String) {
        self.name = name
        self.uid = uid
        self.gid = gid
        self.home = home
        self.shell = shell
    }
}

/// Name service look-ups. NSS may block for seconds: the loader and the command line call these, the
/// supervisor's loop never does.
package enum Accounts {
    package static func user(named name: String) -> UserAccount? {
        unsafe look { entry, buffer, size, found in unsafe getpwnam_r(name, entry, buffer, size, found) }
    }

    package static func user(uid: UInt32) -> UserAccount? {
        unsafe look { entry, buffer, size, found in unsafe getpwuid_r(uid, entry, buffer, size, found) }
    }

    package static func group(named name: String) -> UInt32? {
        var size = 1024
        while size <= 1 << 20 {
            var entry = unsafe Glibc.group()
            var found: UnsafeMutablePointer<Glibc.group>?
            let (error, gid) = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
                let error = unsafe getgrnam_r(name, &entry, buffer.baseAddress, size, &found)
                return unsafe (error, found?.pointee.gr_gid)
            }
            if error != ERANGE { return gid }
            size *= 4
        }
        return nil
    }

    /// The groups that initgroups(3) would give `name`, `gid` first.
    package static func groups(of name: String, gid: UInt32) -> [UInt32] {
        var count: Int32 = 64
        while count <= 65536 {
            var groups = [gid_t](repeating: 0, count: Int(count))
            var found = count
            if unsafe getgrouplist(name, gid, &groups, &found) >= 0 { return Array(groups.prefix(Int(found))) }
            count *= 4
        }
        return [gid]
    }

    private static func look(
        _ call: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) -> UserAccount? {
        var size = 1024
        while size <= 1 << 20 {
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            let (error, account) = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
                guard let start = buffer.baseAddress else { return (ERANGE, UserAccount?.none) }
                let error = unsafe call(&entry, start, size, &found)
                return unsafe (error, found.map { unsafe UserAccount($0.pointee) })
            }
            if error != ERANGE { return account }
            size *= 4
        }
        return nil
    }
}

extension UserAccount {
    fileprivate init(_ entry: passwd) {
        unsafe self.init(
            name: String(cString: entry.pw_name), uid: entry.pw_uid, gid: entry.pw_gid,
            home: String(cString: entry.pw_dir), shell: String(cString: entry.pw_shell))
    }
}
