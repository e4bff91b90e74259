/// How many more there is room for: pure.
enum Room {
    /// `limit` nil is unlimited.
    static func left(of limit: Int?, taken: @autoclosure () -> Int) -> Int {
        guard let limit else { return .max }
        return max(0, limit - taken())
    }
}
