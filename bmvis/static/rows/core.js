// What the first script has.

const {
  all, announce, boxesBelow, buttonHtml, focusRow, itemOf, listen, makeSection, opener, parentOf, pressIn, rootOf, rowOf, showLinked,
} = window.bmvis;
