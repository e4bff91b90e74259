import ControlProtocol
import Foundation
import TestSupport
import Testing

@Suite("baton(1)")
struct ManualTests {
    @Test("it has every command and every option, and no other")
    func options() throws {
        let output = try runProgram(Repository.product("baton"), ["--experimental-dump-help"])
        let help = try JSON(parsing: Array(output.standardOutput.utf8), limits: .reply)
        let commands = help.object?["command"]?.object?["subcommands"]?.array ?? []
        var known: Set<String> = []
        for command in commands.compactMap(\.object) where command["commandName"]?.string != "help" {
            if let name = command["commandName"]?.string { known.insert(name) }
            for argument in command["arguments"]?.array ?? [] where argument.object?["shouldDisplay"]?.bool == true {
                for name in argument.object?["names"]?.array ?? [] {
                    if let text = name.object?["name"]?.string { known.insert(text) }
                }
            }
        }
        #expect(known.count > 30)

        let manual = try String(contentsOfFile: Repository.path("docs/man/baton.1"), encoding: .utf8)
        let words = manual.split(separator: "\n").filter { $0.hasPrefix(".") }.flatMap { $0.split(separator: " ") }
        var told: Set<String> = []
        for (macro, word) in zip(words, words.dropFirst()) {
            if macro == "Fl" || macro == ".Fl" { told.insert(String(word.drop { $0 == "-" })) }
            if macro == "Cm" || macro == ".Cm" { told.insert(String(word)) }
        }
        // Those that every command has, and words that are values or keys of a table.
        known.formUnion(["help", "version", "h"])
        told.subtract(["inetd", "instances", "user"])
        told.insert("h")
        #expect(known.symmetricDifference(told).sorted() == [])
    }
}
