/// Who may come in: pure.
enum Admission {
    /// How many more there is room for; `limit` nil is unlimited.
    static func room(limit: Int?, taken: Int) -> Int {
        guard let limit else { return .max }
        return max(0, limit - taken)
    }
}
