import Foundation

/// Where the programs under test and the files that tests use lie.
package enum Repository {
    /// The package's directory.
    package static let root: String = {
        let here = URL(fileURLWithPath: #filePath)
        return here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    }()

    package static func path(_ relative: String) -> String { root + "/" + relative }

    /// The build directory: SwiftPM puts the test bundle beside the programs, and runs it by a runner of its own
    /// whose only file mapped from there is the bundle. BATON_PRODUCTS names another one, to test a release build.
    package static let products: String = {
        if let products = ProcessInfo.processInfo.environment["BATON_PRODUCTS"] { return products }
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let bundle = maps.split(separator: "\n").lazy
            .compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
            .first { $0.hasSuffix(".xctest") }
        return bundle.map { ($0 as NSString).deletingLastPathComponent } ?? root + "/.build/debug"
    }()

    /// A program that the package builds, such as `baton`.
    package static func product(_ name: String) -> String { products + "/" + name }
}
