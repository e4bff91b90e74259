import ControlProtocol
import Foundation
import TestSupport
import Testing

/// docs/control.md lists what there is, and nothing else.
@Suite struct ControlPageTests {
    private func table(after heading: String) throws -> [(name: String, level: String)] {
        let page = try String(contentsOfFile: Repository.path("docs/control.md"), encoding: .utf8)
        let section = try #require(
            page.components(separatedBy: heading + "\n").last?.components(separatedBy: "\n## ")[0])
        return section.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("| `"), cells.count >= 2 else { return nil }
            return (cells[0].trimmingCharacters(in: ["`"]), cells[1])
        }
    }

    @Test("the list of events is that of the code, in its order")
    func events() throws {
        let names = try table(after: "## The events").map(\.name)
        #expect(names == EventName.allCases.map(\.rawValue))
    }

    @Test("and so are the states of a connection")
    func states() throws {
        let page = try String(contentsOfFile: Repository.path("docs/control.md"), encoding: .utf8)
        for state in ConnectionStatus.State.allCases { #expect(page.contains("`\(state.rawValue)`")) }
    }
}
