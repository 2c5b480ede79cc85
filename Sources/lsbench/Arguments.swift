// Words of ours that flags may name.
public import ArgumentParser
public import LanguageSystem

extension RankerKind: ExpressibleByArgument {}
extension Split: ExpressibleByArgument {}
