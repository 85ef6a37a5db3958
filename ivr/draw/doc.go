// Package draw makes pictures of menus: an SVG in which a call runs from left to right, a card for each node, and a line from each
// of its branches. What leads back, or far away, is written as the name of the node instead of a line, so that lines never
// run against the reading. The picture stands alone, follows the reader's light or dark colours, and is the same for the same file.
//
// Cards are placed in layers (K. Sugiyama's method): lines that lead back are taken out, each node comes after those that lead
// to it, crossings are made few by sweeps of barycentres, and heights by settling each layer on its neighbours.
//
// Everything here is a pure function; nothing runs a goroutine.
package draw
