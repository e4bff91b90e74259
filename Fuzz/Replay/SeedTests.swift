import Foundation
import TestSupport
import Testing

/// Every seed once, as the fuzzer begins with it.
@Suite struct SeedTests {
    private static func files(_ target: String) throws -> [String] {
        let directory = Repository.path("Fuzz/Seeds/\(target)")
        return try FileManager.default.contentsOfDirectory(atPath: directory).sorted().map { "\(directory)/\($0)" }
    }

    @Test("what must hold of every input holds of the seeds", arguments: FuzzTarget.all.map(\.name))
    func seeds(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let files = try Self.files(name)
        #expect(!files.isEmpty)
        for file in files {
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
            #expect(bytes.count <= target.longest, "\(file): the fuzzer would cut it")
            #expect(throws: Never.self, "\(file)") { try target.check(bytes) }
        }
    }
}
