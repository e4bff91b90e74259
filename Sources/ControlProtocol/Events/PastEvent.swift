/// An event of the program before this one, as it was told: what it was made of is not known any more.
package struct PastEvent: Hashable, Sendable {
    package var name: EventName
    package var level: EventLevel
    package var details: EventDetails

    package init(name: EventName, level: EventLevel, details: EventDetails) {
        self.name = name
        self.level = level
        self.details = details
    }
}
