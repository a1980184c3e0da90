"""What tables would look like if similarity, function or partners were dealt anew."""
