internal import Glibc
internal import LinuxSystem

/// A user of the table: by name, or by a number that need not have a name.
struct UserReference: Hashable, Sendable {
    var uid: UInt32
    /// Nil: no entry in the user database.
    var account: UserAccount?
}

extension Kind where Value == UserReference {
    static var user: Kind {
        Kind("a user's name or number", AccountName.shape) { cursor, expected in
            guard let text = AccountName.read(cursor, expected) else { return nil }
            if let account = cursor.reading.user(named: text) {
                return UserReference(uid: account.uid, account: account)
            }
            if let uid = UInt32(text) { return UserReference(uid: uid, account: nil) }
            guard cursor.reading.resolving else {
                return UserReference(
                    uid: 0, account: UserAccount(name: text, uid: 0, gid: 0, home: "/", shell: "/bin/sh"))
            }
            cursor.fault("there is no user \"\(text.quotable)\" on this machine")
            return nil
        }
    }
}

extension Kind where Value == UInt32 {
    /// A group's number.
    static var group: Kind {
        Kind("a group's name or number", AccountName.shape) { cursor, expected in
            guard let text = AccountName.read(cursor, expected) else { return nil }
            if let gid = UInt32(text) ?? cursor.reading.group(named: text) { return gid }
            guard cursor.reading.resolving else { return 0 }
            cursor.fault("there is no group \"\(text.quotable)\" on this machine")
            return nil
        }
    }
}

enum AccountName {
    static let shape = Shape.or(.number(0...Int64(UInt32.max) - 1), .string("[^\\s:]{1,256}"))

    /// A name or a number that the kernel takes: 4294967295 would mean "leave unchanged" (setuid(2)).
    static func read(_ cursor: Cursor, _ expected: String) -> String? {
        guard let text = cursor.node.text, !text.isEmpty, text.utf8.count <= 256,
            !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0 == ":" || $0.value == 0x7f })
        else {
            cursor.unexpected(expected)
            return nil
        }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2d }) else { return text }
        guard let number = UInt32(text), number < .max else {
            cursor.fault("\(text.quotable) is out of range; a uid or gid is 0 to 4294967294")
            return nil
        }
        return "\(number)"
    }
}

/// The value of `groups`.
enum GroupsSetting: Hashable, Sendable {
    /// What initgroups(3) gives the user.
    case initgroups
    case list([UInt32])
}

extension Credentials {
    /// What `user`, `group` and `groups` come to; nil without a fault when none of them was given.
    static func resolve(user: UserReference?, group: UInt32?, groups: GroupsSetting?, given: Given) -> Credentials? {
        guard given.sound("user", "group", "groups"), user != nil || group != nil || groups != nil else { return nil }
        if let user, user.account == nil, group == nil {
            given["user"]?.fault("user \(user.uid) has no entry in the user database, so group must be given too")
            return nil
        }
        let gid = group ?? user?.account?.gid ?? getegid()
        let account = user.map {
            $0.account ?? UserAccount(name: "\($0.uid)", uid: $0.uid, gid: gid, home: "/", shell: "/bin/sh")
        }
        let members: [UInt32]
        switch groups {
        case .list(let list): members = list
        case .initgroups:
            guard let name = user?.account?.name else {
                given["groups"]?.fault("init needs a user that is in the user database")
                return nil
            }
            members = Accounts.groups(of: name, gid: gid)
        // As inetd does: a group that was given is the only one.
        case nil where group != nil: members = [gid]
        case nil: members = user?.account.map { Accounts.groups(of: $0.name, gid: gid) } ?? [gid]
        }
        return Credentials(user: account, gid: gid, groups: members)
    }
}
