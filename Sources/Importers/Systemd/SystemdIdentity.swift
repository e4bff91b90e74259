/// Who the process becomes: `User=` and its kin, which mean something together only.
struct SystemdIdentity {
    private struct Setting {
        var value: String
        var index: Int
        var place: SourcePlace
    }

    private var user: Setting?
    private var group: Setting?
    private var groups: [Setting] = []
    private var dynamic: Setting?
    private var isDropped = false
    private(set) var keys: [(name: String, value: DraftValue, place: SourcePlace?)] = []

    /// False when the key is none of these.
    mutating func take(
        _ key: String, _ value: String, at index: Int, _ place: SourcePlace, _ report: inout UnitReport
    ) -> Bool {
        let setting = Setting(value: value, index: index, place: place)
        switch key {
        case "User", "Group":
            guard Self.isName(value) else {
                report.set(index, .notExpressible("it is no name that a user or group can have"))
                return true
            }
            if key == "User" { user = setting } else { group = setting }
        case "SupplementaryGroups":
            let names = value.words
            if names.allSatisfy(Self.isName) {
                groups += names.map { Setting(value: $0, index: index, place: place) }
            } else {
                report.set(index, .notExpressible("it is no name that a group can have"))
            }
        case "DynamicUser":
            if UnitValue.bool(value) == true { dynamic = setting }
        default: return false
        }
        return true
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 256
            && !text.unicodeScalars.contains { $0.value <= 0x20 || $0 == ":" || $0.value == 0x7f }
    }

    /// The program is started with all privileges (`+` and `!` before it).
    mutating func drop(_ report: inout UnitReport) {
        isDropped = true
    }

    mutating func finish(_ report: inout UnitReport) {
        if isDropped {
            for setting in [user, group, dynamic].compactMap(\.self) + groups {
                report.set(
                    setting.index, .approximated("+ or ! before the program: it keeps the supervisor's identity"))
            }
            return
        }
        if let dynamic, user == nil { keys.append(("user", .text("nobody"), dynamic.place)) }
        if let user { keys.append(("user", .text(user.value), user.place)) }
        if let group { keys.append(("group", .text(group.value), group.place)) }
        if let first = groups.first {
            keys.append(("groups", .texts(groups.map(\.value)), first.place))
        } else if let group, let user, Int(user.value) == nil {
            // systemd gives a user's groups whatever the first one is; Baton would give that group alone.
            keys.append(("groups", .word("init"), group.place))
        }
        // A number need not be in the user database, where its group would be.
        if let user, Int(user.value) != nil, group == nil {
            report.note(
                user.index, .approximated("a user by number needs a group too, unless the user database has it"))
        }
    }
}
