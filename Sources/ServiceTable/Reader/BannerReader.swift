internal import LinuxSystem

/// The value of `banner`: text, or a file that is read with the table.
enum BannerReader {
    /// A connection is told no more than this before it is served.
    private static let mostBytes = 16 * 1024

    static let kind = Kind<[UInt8]>("text, or the absolute path of a file that holds it", .text) { cursor, expected in
        guard let text = cursor.node.text, !text.isEmpty else {
            cursor.unexpected(expected)
            return nil
        }
        if text.hasPrefix("/") { return contents(of: text, cursor) }
        guard text.utf8.count <= mostBytes else { return tooLong(cursor) }
        return Array(text.utf8)
    }

    private static func contents(of path: String, _ cursor: Cursor) -> [UInt8]? {
        do throws(FileContents.Failure) {
            return try FileContents(path: path, most: mostBytes).bytes
        } catch {
            // The file may be on another machine.
            guard cursor.reading.resolving else { return [] }
            switch error {
            case .larger: return tooLong(cursor)
            case .directory, .notRegular: cursor.fault("\(path.quotable) is no regular file")
            case .unreadable(let reason): cursor.fault("\(path.quotable) cannot be read: \(reason)")
            }
            return nil
        }
    }

    private static func tooLong(_ cursor: Cursor) -> [UInt8]? {
        cursor.fault("a banner has at most \(mostBytes) bytes")
        return nil
    }
}
