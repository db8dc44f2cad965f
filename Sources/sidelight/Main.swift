import ArgumentParser

@main struct Sidelight: AsyncParsableCommand {}
