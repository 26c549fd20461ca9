// What the first script has.

const {
  all, announce, boxesBelow, buttonHtml, focusRow, itemOf, listen, makeSection, opener, parentOf, pressWithin, rootOf, rowOf, showLinked,
} = window.bmvis;
